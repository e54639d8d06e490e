//! Small exports are inline, large ones come in pieces, and each export shows one moment.

use std::{collections::HashSet, time::Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, entry, eventually, json, on_each_engine};

use crate::{
    export_readers::rows_of,
    exports::{Exported, ORDERS, export, input},
};

/// Returns a filter for the entries that `Client::record` records, without Daybook's own.
fn recorded() -> Value {
    json!({ "action": "test.*" })
}

/// Returns entries whose timestamps are out of order.
fn scattered(count: usize) -> Value {
    let entries = (0..count).map(|index| {
        let mut entry = entry(&format!("test.{index}"));
        entry["timestamp"] = json!(format!("2026-01-01T00:00:{:02}Z", index * 7 % 20));
        entry
    });
    json!(entries.collect::<Vec<_>>())
}

/// Formats whose pieces can be concatenated.
const FORMATS: [&str; 3] = ["CSV", "JSON", "JSONL"];

/// Returns all pieces of an export that a cap cuts off.
async fn pieces(client: &Client, mut input: Value) -> Vec<Exported> {
    let mut pieces = Vec::new();
    loop {
        let piece = export(client, input.clone()).await;
        let continuation = piece.job["continuation"].clone();
        assert_eq!(piece.job["truncated"], json!(!continuation.is_null()));
        pieces.push(piece);
        assert!(pieces.len() < 20, "pieces without end");
        if continuation.is_null() {
            return pieces;
        }
        input["after"] = continuation;
    }
}

/// Concatenates the pieces, without what surrounds the records of each.
fn concatenated(pieces: &[Exported], format: &str) -> Vec<u8> {
    let texts = pieces.iter().map(|piece| std::str::from_utf8(&piece.bytes).unwrap());
    let whole = match format {
        "CSV" => {
            let rows = texts.map(|text| text.split_once('\n').unwrap());
            let (headers, rows): (Vec<&str>, Vec<&str>) = rows.unzip();
            assert!(headers.iter().all(|header| *header == headers[0]), "{headers:?}");
            format!("{}\n{}", headers[0], rows.concat())
        }
        "JSON" => {
            let inner = texts.map(|text| {
                let inner = text.strip_prefix("[\n").and_then(|text| text.strip_suffix("\n]\n"));
                inner.unwrap_or_else(|| panic!("no array: {text}"))
            });
            format!("[\n{}\n]\n", inner.collect::<Vec<_>>().join(",\n"))
        }
        _ => texts.collect(),
    };
    whole.into_bytes()
}

/// Runs `work` while another client keeps recording.
async fn while_recording<T>(
    client: &Client,
    organization: &str,
    work: impl Future<Output = T>,
) -> T {
    let recording = async {
        loop {
            client.record_entries(organization, scattered(3)).await;
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = recording => unreachable!("it never ends"),
    }
}

#[on_each_engine]
async fn small_export_is_finished_and_inline_in_the_answer(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_000).await;
    for (format, kind) in [
        ("CSV", "text/csv;charset=utf-8;header=present"),
        ("JSON", "application/json"),
        ("JSONL", "application/jsonl"),
    ] {
        let payload = admin.start_export(input(&acme, &recorded(), "RECORDED_ASC", format)).await;
        assert_eq!(payload["job"]["state"], "SUCCEEDED", "{payload}");
        assert_eq!(payload["job"]["recordsMatched"], "1000");
        let url = payload["inlineDataUrl"].as_str().unwrap();
        let (start, encoded) = url.split_once(";base64,").unwrap();
        assert_eq!(start, format!("data:{kind}"));
        let link = payload["job"]["artifact"]["downloadUrl"].as_str().unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), admin.download(link).await);
    }
}

#[on_each_engine]
async fn stopping_server_answers_who_waits_for_a_small_export(server: &TestServer) {
    let idle = TestServer::start_idle(server.backend()).await;
    let acme = idle.organization("acme").await;
    let admin = idle.client(&acme, Role::Admin).await;
    let stop = async {
        let query = "query($id: ID!) { jobs(organizationId: $id) { nodes { id } } }";
        eventually("the job", 10, async || {
            let jobs = admin.query(query, json!({ "id": acme })).await;
            (jobs["jobs"]["nodes"] != json!([])).then_some(())
        })
        .await;
        let asked = Instant::now();
        idle.finish().await;
        asked.elapsed()
    };
    let (payload, stopped) = tokio::join!(admin.export(&acme, "CSV"), stop);
    assert_eq!(payload["job"]["state"], "QUEUED");
    assert!(stopped.as_secs() < 5, "{stopped:?}");
}

#[on_each_engine]
async fn larger_export_is_queued_and_not_inline(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_001).await;
    let payload = admin.start_export(input(&acme, &recorded(), "RECORDED_ASC", "JSONL")).await;
    let job = &payload["job"];
    assert!(matches!(job["state"].as_str(), Some("QUEUED" | "RUNNING")), "{job}");
    assert_eq!((&job["artifact"], &payload["inlineDataUrl"]), (&Value::Null, &Value::Null));
    assert_eq!((&job["recordsMatched"], &job["truncated"]), (&json!("1001"), &json!(false)));
    let job = admin.finished(job["id"].as_str().unwrap()).await;
    assert_eq!(job["artifact"]["recordCount"], "1001");
    assert_eq!(job["progress"]["fraction"], 1.0);
}

#[on_each_engine]
async fn pieces_concatenate_to_the_whole_while_others_record(server: &TestServer) {
    let capped = server
        .start_another_with(Duties::ServeAndWork, |config| config.export_max_records = 10)
        .await;
    for (order, format) in
        ORDERS.into_iter().flat_map(|order| FORMATS.map(|format| (order, format)))
    {
        // An organization for each: what is recorded meanwhile matches the filter, too.
        let slug = format!("{order}-{format}").to_lowercase().replace('_', "-");
        let acme = server.organization(&slug).await;
        let admin = server.client(&acme, Role::Admin).await;
        admin.record_entries(&acme, scattered(53)).await;
        let through_capped = server.client_at(&capped, "admin");
        let whole = export(&admin, input(&acme, &recorded(), order, format)).await;
        // The first piece takes its moment before anything else is recorded.
        let mut request = input(&acme, &recorded(), order, format);
        let first = export(&through_capped, request.clone()).await;
        assert_eq!(first.job["recordsMatched"], whole.job["recordsMatched"]);
        request["after"] = first.job["continuation"].clone();
        let rest = while_recording(&admin, &acme, pieces(&through_capped, request)).await;
        let all: Vec<Exported> = std::iter::once(first).chain(rest).collect();
        assert!(concatenated(&all, format) == whole.bytes, "{order} {format}");

        let jobs: Vec<&Value> = all.iter().map(|piece| &piece.job).collect();
        let matched: Vec<u64> = jobs
            .iter()
            .map(|job| job["recordsMatched"].as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(jobs.len() as u64, matched[0].div_ceil(10), "{order}");
        assert!(matched.windows(2).all(|pair| pair[0] == pair[1] + 10), "{matched:?}");
        for job in &jobs {
            let manifest = &job["artifact"]["manifest"];
            assert_eq!(
                manifest["throughSequence"],
                jobs[0]["artifact"]["manifest"]["throughSequence"]
            );
            assert_eq!(manifest["truncated"], job["truncated"]);
        }
    }
    capped.stop().await.unwrap();
}

#[on_each_engine]
async fn pieces_that_are_files_of_their_own_have_the_rows_of_the_whole(server: &TestServer) {
    let capped = server
        .start_another_with(Duties::ServeAndWork, |config| config.export_max_records = 10)
        .await;
    for (order, format) in
        ORDERS.into_iter().flat_map(|order| ["PARQUET", "XLSX"].map(|format| (order, format)))
    {
        let slug = format!("{order}-{format}").to_lowercase().replace('_', "-");
        let acme = server.organization(&slug).await;
        let admin = server.client(&acme, Role::Admin).await;
        admin.record_entries(&acme, scattered(53)).await;
        let through_capped = server.client_at(&capped, "admin");
        let whole = export(&admin, input(&acme, &recorded(), order, format)).await;
        let request = input(&acme, &recorded(), order, format);
        let first = export(&through_capped, request.clone()).await;
        let mut next = request;
        next["after"] = first.job["continuation"].clone();
        let rest = while_recording(&admin, &acme, pieces(&through_capped, next.clone())).await;
        let again = export(&through_capped, next).await;
        assert!(again.bytes == rest[0].bytes, "the same whenever it is made");
        let all = std::iter::once(first).chain(rest);
        let rows: Vec<Value> = all.flat_map(|piece| rows_of(&piece.bytes, format)).collect();
        assert_eq!(rows.len(), 53, "{order} {format}");
        assert_eq!(rows, rows_of(&whole.bytes, format), "{order} {format}");
    }
    capped.stop().await.unwrap();
}

#[on_each_engine]
async fn cap_that_fits_exactly_cuts_nothing_off(server: &TestServer) {
    let capped =
        TestServer::start_with(server.backend(), |config| config.export_max_records = 10).await;
    let acme = capped.organization("acme").await;
    let admin = capped.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let payload = admin.start_export(input(&acme, &recorded(), "RECORDED_ASC", "JSONL")).await;
    assert_eq!(payload["job"]["truncated"], false);
    assert_eq!(payload["job"]["continuation"], Value::Null);
    admin.record(&acme, 1).await;
    let payload = admin.start_export(input(&acme, &recorded(), "RECORDED_ASC", "JSONL")).await;
    assert_eq!(payload["job"]["state"], "SUCCEEDED");
    assert_eq!(payload["job"]["truncated"], true);
    assert_eq!(payload["job"]["recordsMatched"], "11");
    assert_eq!(payload["job"]["artifact"]["manifest"]["recordCount"], 10);
    assert!(payload["job"]["continuation"].is_string());
    capped.finish().await;
}

#[on_each_engine]
async fn continuation_is_good_for_its_own_source_only(server: &TestServer) {
    let capped =
        TestServer::start_with(server.backend(), |config| config.export_max_records = 2).await;
    let acme = capped.organization("acme").await;
    let other = capped.organization("other").await;
    let admin = capped.client(&acme, Role::Admin).await;
    capped.set_member(&other, "admin", Role::Admin).await;
    admin.record(&acme, 5).await;
    let request = input(&acme, &recorded(), "RECORDED_ASC", "CSV");
    let piece = export(&admin, request.clone()).await;
    let continuation = piece.job["continuation"].as_str().unwrap().to_owned();
    let cursor = admin
        .query(
            "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"test.*\" },
                orderBy: RECORDED_ASC, first: 2) { pageInfo { endCursor } } }",
            json!({ "id": acme }),
        )
        .await["auditLogs"]["pageInfo"]["endCursor"]
        .clone();

    let mut damaged = HashSet::new();
    for at in 0..continuation.len() {
        let mut text = continuation.clone().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        damaged.insert(String::from_utf8(text).unwrap());
    }
    damaged.extend(["", "x", &continuation[1..], &format!("{continuation}A")].map(str::to_owned));
    let with = |organization: &str, filter: Value, order: &str, after: Value| {
        let mut request = input(organization, &filter, order, "CSV");
        request["after"] = after;
        request
    };
    let mut refused: Vec<Value> = damaged
        .into_iter()
        .map(|text| with(&acme, recorded(), "RECORDED_ASC", json!(text)))
        .collect();
    refused.extend([
        with(&other, recorded(), "RECORDED_ASC", json!(continuation)),
        with(&acme, json!({ "action": "test.1*" }), "RECORDED_ASC", json!(continuation)),
        with(&acme, Value::Null, "RECORDED_ASC", json!(continuation)),
        with(&acme, recorded(), "RECORDED_DESC", json!(continuation)),
        with(&acme, recorded(), "TIMESTAMP_ASC", json!(continuation)),
        with(&acme, recorded(), "RECORDED_ASC", cursor),
    ]);
    for request in refused {
        let payload = admin.start_export(request.clone()).await;
        assert_eq!(payload["job"], Value::Null, "{request}");
        assert_eq!(payload["userErrors"][0]["code"], "INVALID");
        assert_eq!(payload["userErrors"][0]["path"], json!(["after"]));
    }
    // In another format it's the same source.
    let mut request = input(&acme, &recorded(), "RECORDED_ASC", "JSONL");
    request["after"] = json!(continuation);
    let next = String::from_utf8(export(&admin, request).await.bytes).unwrap();
    let actions = next.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["action"].as_str().unwrap().to_owned()
    });
    assert_eq!(actions.collect::<Vec<_>>(), ["test.2", "test.3"]);
    capped.finish().await;
}

#[on_each_engine]
async fn what_is_recorded_after_the_start_is_not_in_it(server: &TestServer) {
    let idle = TestServer::start_as(server.backend(), Duties::Serve, |config| {
        config.testing.export_inline_records = 0;
    })
    .await;
    let acme = idle.organization("acme").await;
    let admin = idle.client(&acme, Role::Admin).await;
    admin.record(&acme, 20).await;
    let mut started = Vec::new();
    for order in ORDERS {
        let payload = admin.start_export(input(&acme, &Value::Null, order, "JSON")).await;
        assert_eq!(payload["job"]["state"], "QUEUED");
        started.push(payload["job"].clone());
    }
    admin.record_entries(&acme, scattered(10)).await;
    let worker = idle.start_another(Duties::ServeAndWork).await;
    for job in started {
        let matched: usize = job["recordsMatched"].as_str().unwrap().parse().unwrap();
        let job = admin.finished(job["id"].as_str().unwrap()).await;
        let file = admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
        let records: Vec<Value> = serde_json::from_slice(&file).unwrap();
        let mut sequences: Vec<usize> = records
            .iter()
            .map(|record| record["sequence"].as_str().unwrap().parse().unwrap())
            .collect();
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=matched).collect::<Vec<_>>());
    }
    worker.stop().await.unwrap();
    idle.finish().await;
}
