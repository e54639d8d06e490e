//! A clock that was wrong for a while neither keeps entries forever nor removes young ones.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{audit_log, membership::Role};
use daybook_service::{
    Permission,
    retention::{self, prune},
};
use daybook_tests::{
    Client, TestServer, Value, binary, json, on_each_idle_engine, raw_organization,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{DAY, count, first, last};

/// Sets the retention by the server's clock; the command line's is that of the machine.
async fn keep_days(server: &TestServer, organization: &str, days: u32) {
    server
        .as_system(organization, Permission::SetRetention, async |scope| {
            retention::set(scope, Some(days)).await.unwrap();
        })
        .await;
}

async fn record(server: &TestServer, organization: &str, entries: usize) -> Client {
    let admin = server.client(organization, Role::Admin).await;
    admin.record(organization, entries).await;
    admin
}

async fn prune_and_see_first(server: &TestServer, organization: &str) -> i64 {
    prune(&server.instance().core).await.unwrap();
    first(&server.client_of("admin"), organization).await
}

/// Obstacles to the removal of old entries, and the time of the next removal.
async fn outlook(server: &TestServer, organization: &str) -> (Value, Option<DateTime<Utc>>) {
    let query =
        "query($id: ID!) { organization(id: $id) { retention { heldBackBy nextRemovalAt } } }";
    let admin = server.client_of("admin");
    let found = admin.query(query, json!({ "id": organization })).await;
    let found = &found["organization"]["retention"];
    let next = found["nextRemovalAt"].as_str().map(|time| time.parse().unwrap());
    (found["heldBackBy"].clone(), next)
}

async fn held_back_metric(server: &TestServer) -> String {
    let text = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("daybook_retention_held_back"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.concat()
}

async fn entries(server: &TestServer, organization: &str) -> Vec<audit_log::Model> {
    let db = server.database.connect().await;
    let entries = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(raw_organization(organization)))
        .order_by_asc(audit_log::Column::Sequence);
    let entries = entries.all(&db).await.unwrap();
    db.close().await.unwrap();
    entries
}

#[on_each_idle_engine]
async fn clock_that_was_years_ahead_delays_nothing_once_it_is_right(server: &TestServer) {
    let acme = server.organization("acme").await;
    record(server, &acme, 5).await;
    keep_days(server, &acme, 30).await;
    server.clock.advance(DAY * 3_650);
    record(server, &acme, 5).await;
    let ahead = last(server, &acme).await;
    server.clock.set_back(DAY * 3_650);
    record(server, &acme, 5).await;
    let right = last(server, &acme).await;
    let log = entries(server, &acme).await;
    let at = |sequence: i64| log[usize::try_from(sequence).unwrap() - 1].recorded_at;
    assert!(at(right) < at(ahead) - TimeDelta::days(3_000), "later entries follow the wrong clock");

    server.clock.advance(DAY * 29);
    assert_eq!(prune_and_see_first(server, &acme).await, 1);
    assert_eq!(outlook(server, &acme).await, (json!([]), Some(at(1) + TimeDelta::days(30))));
    server.clock.advance(DAY * 3);
    record(server, &acme, 2).await;
    assert_eq!(prune_and_see_first(server, &acme).await, right + 1);
}

#[on_each_idle_engine]
async fn entries_of_a_clock_that_was_ahead_wait_for_the_next_right_one(server: &TestServer) {
    server.clock.advance(DAY * 3_650);
    let acme = server.organization("acme").await;
    record(server, &acme, 5).await;
    keep_days(server, &acme, 30).await;
    server.clock.set_back(DAY * 3_650);

    server.clock.advance(DAY * 40);
    assert_eq!(prune_and_see_first(server, &acme).await, 1);
    assert_eq!(outlook(server, &acme).await, (json!(["CLOCK"]), None));
    let metric = held_back_metric(server).await;
    assert_eq!(metric, r#"{reason="clock"} 1{reason="export"} 0{reason="hold"} 0"#);
    let doctor = binary::daybook_of(server).arg("doctor").output().unwrap();
    let said = binary::stdout_of(&doctor);
    let line = said.lines().find(|line| line.contains(" retention ")).unwrap();
    let kept = format!("old entries are kept in {} by clock", raw_organization(&acme));
    assert!(line.starts_with("warn") && line.contains(&kept), "{line}");
    let shown = ["retention", "show", "--organization", "acme"];
    let shown = binary::daybook_of(server).args(shown).output().unwrap();
    let said = binary::stderr(&shown);
    assert!(said.contains("old entries are kept by a clock that was wrong"), "{said}");

    // One entry with the right clock says that all before it are not younger.
    record(server, &acme, 1).await;
    let right = last(server, &acme).await;
    let recorded_at = entries(server, &acme).await.last().unwrap().recorded_at;
    let (by, next) = outlook(server, &acme).await;
    assert_eq!(by, json!([]));
    assert_eq!(next, Some(recorded_at + TimeDelta::days(30)));
    server.clock.advance(DAY * 29);
    assert_eq!(prune_and_see_first(server, &acme).await, 1);
    server.clock.advance(DAY * 3);
    assert_eq!(prune_and_see_first(server, &acme).await, right + 1);
    assert!(held_back_metric(server).await.starts_with(r#"{reason="clock"} 0"#));
}

#[on_each_idle_engine]
async fn clock_that_was_behind_makes_no_entry_old(server: &TestServer) {
    let acme = server.organization("acme").await;
    record(server, &acme, 5).await;
    keep_days(server, &acme, 30).await;
    server.clock.advance(DAY * 10);
    record(server, &acme, 1).await;
    let before = last(server, &acme).await;
    server.clock.set_back(DAY * 400);
    record(server, &acme, 7).await;
    let behind = last(server, &acme).await;
    server.clock.advance(DAY * 400);
    assert_eq!(prune_and_see_first(server, &acme).await, 1);

    // Those before are old, and all who say when the seven were recorded is the announcement.
    server.clock.advance(DAY * 32);
    assert_eq!(prune_and_see_first(server, &acme).await, before + 1);
    let announced = entries(server, &acme).await.last().unwrap().recorded_at;
    let next = Some(announced + TimeDelta::days(30));
    assert_eq!(outlook(server, &acme).await, (json!(["CLOCK"]), next));
    server.clock.advance(DAY * 29);
    assert_eq!(prune_and_see_first(server, &acme).await, before + 1);
    server.clock.advance(DAY * 3);
    assert!(prune_and_see_first(server, &acme).await > behind);
    assert_eq!(count(&server.client_of("admin"), &acme, "test.*").await, 0);
}

#[on_each_idle_engine]
async fn holds_and_exports_are_named(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = record(server, &acme, 1_100).await;
    keep_days(server, &acme, 30).await;
    server.place_hold(&acme, "case-7").await;
    admin.export(&acme, "CSV").await;
    assert_eq!(outlook(server, &acme).await.0, json!([]), "nothing is old");
    server.clock.advance(DAY * 40);
    assert_eq!(prune_and_see_first(server, &acme).await, 1);
    assert_eq!(outlook(server, &acme).await.0, json!(["HOLD", "EXPORT"]));
    let metric = held_back_metric(server).await;
    assert_eq!(metric, r#"{reason="clock"} 0{reason="export"} 1{reason="hold"} 1"#);
}

/// Removals must be those of a plain loop over the log, however its clock went.
#[on_each_idle_engine]
async fn log_of_a_wild_clock_is_judged_as_by_a_plain_loop(server: &TestServer) {
    let acme = server.organization("acme").await;
    let hour = Duration::from_secs(3_600);
    let mut seed = 7_u32;
    for _ in 0..60 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match seed >> 29 {
            0 => server.clock.advance(DAY * 40),
            1 => server.clock.set_back(DAY * 33),
            2 => server.clock.set_back(hour / 2),
            3 => server.clock.set_back(hour * 5),
            4 => server.clock.advance(DAY * 9),
            _ => server.clock.advance(hour * 20),
        }
        record(server, &acme, usize::try_from(seed >> 8).unwrap() % 3 + 1).await;
    }
    let log = entries(server, &acme).await;
    let steps = log.windows(2).filter(|pair| pair[0].recorded_at > pair[1].recorded_at).count();
    assert!(steps > 10, "{steps} steps");
    let mut found = Vec::new();
    for days in 1..90 {
        let now = server.clock.now();
        server
            .as_system(&acme, Permission::SetRetention, async |scope| {
                let preview = retention::preview(scope, Some(days)).await.unwrap();
                let through = preview.map_or(0, |preview| preview.last_sequence);
                assert_eq!(through, old_by_plain_loop(&log, now, days), "{days} days");
                found.push(through);
            })
            .await;
    }
    found.dedup();
    assert!(found.len() > 3, "{found:?}");
}

/// The last sequence of the entries that are older than some days.
fn old_by_plain_loop(log: &[audit_log::Model], now: DateTime<Utc>, days: u32) -> i64 {
    let (mut latest, mut through) = (None, 0);
    for entry in log {
        let time = entry.recorded_at;
        if time > now + TimeDelta::seconds(30) || latest.is_some_and(|latest| time < latest) {
            continue;
        }
        if time >= now - TimeDelta::days(days.into()) {
            break;
        }
        (latest, through) = (Some(time), entry.sequence);
    }
    through
}
