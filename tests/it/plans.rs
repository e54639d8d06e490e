//! Query plans: the databases read a page of the audit log along an index, without a sort, at any depth.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use daybook_entity::{
    audit_log::{ActorType, AuditOutcome, Entity, Model},
    membership::Role,
};
use daybook_service::audit::{Filter, Order, statements};
use daybook_tests::{
    Backend, Client, TestDatabase, TestServer, Value, binary, json, on_each_backend,
    on_each_engine, raw_organization,
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryOrder,
    Statement,
};
use uuid::Uuid;

const ORDERS: [Order; 4] =
    [Order::RecordedDesc, Order::RecordedAsc, Order::TimestampDesc, Order::TimestampAsc];
/// Actor types, of which common ones occur more often.
const TYPES: [&str; 5] = ["USER", "USER", "USER", "SERVICE", "SYSTEM"];
const OUTCOMES: [&str; 5] = ["SUCCESS", "SUCCESS", "SUCCESS", "FAILURE", "DENIED"];
/// Number of entries in the log.
const ENTRIES: usize = 20_000;
/// Number of rows that a page reads: one more than it shows.
const ROWS: usize = 51;

#[on_each_engine]
async fn each_filter_with_each_order_runs_along_an_index(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    fill(&admin, &acme).await;
    let database = Explained::connect(server.database.daybook_url(), server.backend()).await;
    let rows = Entity::find().order_by_asc(daybook_entity::audit_log::Column::Sequence);
    let mut rows = rows.all(&database.db).await.unwrap();
    for analyzed in [false, true] {
        if analyzed {
            // What autovacuum comes to do sooner or later: statistics, and moving new words from
            // the index's list of pending ones, which makes it look dear, to their places.
            match server.backend() {
                Backend::Postgres => {
                    // As the owner, where Daybook's role is another.
                    let owner = server.database.connect().await;
                    owner.execute_unprepared("VACUUM (ANALYZE)").await.unwrap();
                    owner.close().await.unwrap();
                }
                Backend::Sqlite => drop(database.db.execute_unprepared("ANALYZE").await.unwrap()),
            }
        } else if server.backend() == Backend::Postgres {
            // Its autovacuum sees to statistics; SQLite has none unless somebody asks.
            continue;
        }
        for (name, filter) in filters() {
            for order in ORDERS {
                sort(&mut rows, order);
                let deep = &rows[ENTRIES * 9 / 10];
                let page = |after| {
                    let backend = database.db.get_database_backend();
                    statements(raw_organization(&acme), &filter, order, after, backend)
                };
                let plan = database.plans(page(None)).await;
                let first = database.work_of_all(page(None)).await;
                let later = database.work_of_all(page(Some(deep))).await;
                let what =
                    format!("{name} {order:?} analyzed={analyzed}: {first}, {later}\n{plan}");
                assert!(is_along_index(&plan), "{what}");
                if filter.search.is_some() {
                    assert!(has_index_of_words(&plan), "{what}");
                    let most = database.most_of_a_search();
                    assert!(first <= most && later <= most, "{what}");
                    continue;
                }
                let branches = branches(&filter);
                if branches > 1 && !has_resource_by_time(&filter, order) {
                    let most = database.most_of_branches(branches);
                    assert!(first <= most && later <= most, "{what}");
                    continue;
                }
                if !has_order_of_its_own(&filter, order) {
                    let most = database.most_of_a_range();
                    assert!(first <= most && later <= most, "{what}");
                    continue;
                }
                // A cursor has its own price, the same at any depth.
                let most = first * 3 / 2 + ROWS * 10;
                assert!(later <= most, "deep pages cost more: {what}");
                assert!(!plan.contains("Sort") && !plan.contains("ORDER BY"), "{what}");
                assert!(first <= database.most(), "{what}");
            }
        }
    }
    database.db.close().await.unwrap();
}

/// Number of entries in a log whose timestamps grow with the sequence, as is usual.
const LONG: usize = 100_000;

#[on_each_backend]
async fn range_far_away_is_not_walked_to(backend: Backend) {
    let folder = tempfile::TempDir::with_prefix("daybook-test-").unwrap();
    let made = TestDatabase::create(backend, folder.path()).await;
    let migrate = &mut binary::daybook(folder.path());
    binary::stdout(migrate.args(["migrate", "up"]).env("DAYBOOK_DATABASE_URL", &made.url));
    let database = Explained::connect(&made.url, backend).await;
    fill_in_order(&database).await;
    let instant = |index: usize| {
        chrono::DateTime::from_timestamp(1_770_000_000 + i64::try_from(index).unwrap(), 0)
    };
    let range = |from, to| Filter { from: instant(from), to: instant(to), ..Filter::default() };
    let begins = |action: &str| Filter { action: vec![action.to_owned()], ..Filter::default() };
    for (name, filter, order) in [
        ("a short time", range(100, 200), Order::RecordedDesc),
        ("a long time", range(100, 4_100), Order::RecordedDesc),
        ("a short time, at the end", range(LONG - 200, LONG - 100), Order::RecordedAsc),
        ("a long time, at the end", range(LONG - 4_100, LONG - 100), Order::RecordedAsc),
        ("early actions", begins("early.*"), Order::RecordedDesc),
        ("early actions, by time", begins("early.*"), Order::TimestampDesc),
    ] {
        let engine = database.db.get_database_backend();
        let page = statements(Uuid::nil(), &filter, order, None, engine);
        let plan = database.plans(page.clone()).await;
        let work = database.work_of_all(page).await;
        assert!(is_along_index(&plan), "{name}: {plan}");
        assert!(work <= database.most_of_a_range(), "{name}: {work}\n{plan}");
    }
    database.db.close().await.unwrap();
    made.drop().await;
}

/// Entries of the instance's log a second apart, the first fiftieth of them with other actions. Nobody
/// looks at their hashes.
async fn fill_in_order(database: &Explained) {
    let columns = "organization_id, sequence, id, timestamp, recorded_at, recorded_by, actor_type, actor_id, action,
        outcome, resource_type, resource_id, changes, hash";
    let early = LONG / 50;
    let values = "'seed', 'USER', 'ada', CASE WHEN n < EARLY THEN 'early.' ELSE 'late.' END || n % 7, 'SUCCESS',
        'thing', '1', '[]'"
        .replace("EARLY", &early.to_string());
    let sql = match database.backend {
        Backend::Postgres => format!(
            "INSERT INTO audit_logs ({columns})
             SELECT $1, n, gen_random_uuid(), to_timestamp(1770000000 + n), to_timestamp(1770000000 + n), {values}, '\\x00'
             FROM generate_series(1, {LONG}) AS n"
        ),
        Backend::Sqlite => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {LONG})
             INSERT INTO audit_logs ({columns})
             SELECT $1, n, randomblob(16), strftime('%Y-%m-%dT%H:%M:%S', 1770000000 + n, 'unixepoch') || '.000000+00:00',
                 strftime('%Y-%m-%dT%H:%M:%S', 1770000000 + n, 'unixepoch') || '.000000+00:00', {values}, x'00'
             FROM numbers"
        ),
    };
    let backend = database.db.get_database_backend();
    let values = [Uuid::nil().into()];
    database.db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
    let sql = if database.backend == Backend::Postgres { "VACUUM (ANALYZE)" } else { "ANALYZE" };
    database.db.execute_unprepared(sql).await.unwrap();
}

/// True if an index returns the matching entries in the requested order. None can for a range of one column
/// in the order of another.
fn has_order_of_its_own(filter: &Filter, order: Order) -> bool {
    let is_prefix = filter.action.iter().any(|action| action.ends_with('*'));
    let is_range = filter.from.is_some() || filter.to.is_some();
    let is_by_time = matches!(order, Order::TimestampAsc | Order::TimestampDesc);
    let is_by_sequence = filter.sequence_from.is_some() || filter.sequence_to.is_some();
    !is_prefix
        && !has_resource_by_time(filter, order)
        && if is_by_time { !is_by_sequence } else { !is_range }
}

/// True if related resources are asked for in the order of times, which their index does not have.
fn has_resource_by_time(filter: &Filter, order: Order) -> bool {
    let is_by_time = matches!(order, Order::TimestampAsc | Order::TimestampDesc);
    let has_resource = !filter.resource_type.is_empty() || !filter.resource_id.is_empty();
    is_by_time && has_resource || filter.any_of.iter().any(|any| has_resource_by_time(any, order))
}

/// Returns the number of pages that are joined into one.
fn branches(filter: &Filter) -> usize {
    let own = [&filter.actor_id, &filter.actor_email, &filter.action, &filter.request_id];
    let own = own.into_iter().map(Vec::len).sum::<usize>();
    let resources = filter.resource_type.len() + filter.resource_id.len();
    let enums = filter.actor_type.len() + filter.outcome.len();
    own + enums + 2 * resources + filter.any_of.iter().map(branches).sum::<usize>()
}

/// True if the plan reads each table by an index.
fn is_along_index(plan: &str) -> bool {
    // What the statement itself has made is not in question.
    let is_made = |line: &&str| {
        ["walked", "recent_window", "full_range", "branch"]
            .iter()
            .any(|made| line.ends_with(&format!("SCAN {made}")))
    };
    let plan = plan.lines().filter(|line| !is_made(line)).collect::<Vec<_>>().join("\n");
    // A part of the log that a statement has made stands for the log in what is made of it.
    let parts = plan.lines().filter(|line| {
        line.ends_with("CO-ROUTINE audit_logs") || line.ends_with("MATERIALIZE audit_logs")
    });
    let plan =
        parts.clone().fold(plan.clone(), |plan, _| plan.replacen("SCAN audit_logs\n", "\n", 1));
    let plan = plan.replace("SCAN audit_log_search VIRTUAL TABLE", "SEARCH audit_log_search");
    plan.contains("INDEX") && !plan.contains("SCAN") // SQLite
        || plan.contains("Index ") && !plan.contains("Seq Scan")
}

/// True if the plan uses the engine's index of words.
fn has_index_of_words(plan: &str) -> bool {
    plan.contains("audit_log_search VIRTUAL TABLE INDEX")
        || plan.contains("Bitmap Index Scan on audit_log_search_words")
}

/// One filter of each kind, and what they match is spread over the whole log.
fn filters() -> Vec<(&'static str, Filter)> {
    let text = |text: &str| vec![text.to_owned()];
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let instant = |second: i64| chrono::DateTime::from_timestamp(1_770_000_000 + second, 0);
    let any = Filter::default;
    let length = i64::try_from(ENTRIES).unwrap();
    vec![
        ("none", any()),
        ("actorId", Filter { actor_id: text("actor-7"), ..any() }),
        ("actorEmail", Filter { actor_email: text("actor-7@acme.test"), ..any() }),
        ("actorType", Filter { actor_type: vec![ActorType::Service], ..any() }),
        ("action", Filter { action: text("thing.do-7"), ..any() }),
        ("action prefix", Filter { action: text("thing.do-1*"), ..any() }),
        ("outcome", Filter { outcome: vec![AuditOutcome::Denied], ..any() }),
        ("resourceType", Filter { resource_type: text("type-7"), ..any() }),
        ("resourceId", Filter { resource_id: text("resource-7"), ..any() }),
        ("requestId", Filter { request_id: text("request-7"), ..any() }),
        ("actorIds", Filter { actor_id: texts(&["actor-7", "actor-8", "nobody"]), ..any() }),
        ("actions", Filter { action: texts(&["thing.do-7", "thing.do-8"]), ..any() }),
        ("resourceTypes", Filter { resource_type: texts(&["type-7", "type-8"]), ..any() }),
        ("resourceIds", Filter { resource_id: texts(&["resource-7", "resource-8"]), ..any() }),
        (
            "outcomes",
            Filter { outcome: vec![AuditOutcome::Denied, AuditOutcome::Failure], ..any() },
        ),
        (
            "anyOf",
            Filter {
                any_of: vec![
                    Filter { actor_id: text("actor-7"), ..any() },
                    Filter { request_id: texts(&["request-7", "request-8"]), ..any() },
                    Filter { resource_id: text("resource-7"), ..any() },
                ],
                ..any()
            },
        ),
        (
            "sequences",
            Filter { sequence_from: Some(length / 4), sequence_to: Some(length * 3 / 4), ..any() },
        ),
        ("from", Filter { from: instant(length / 4), ..any() }),
        ("to", Filter { to: instant(length * 3 / 4), ..any() }),
        ("from, to", Filter { from: instant(length / 4), to: instant(length * 3 / 4), ..any() }),
        ("search: all have it", Filter { search: Some("thing acme".to_owned()), ..any() }),
        ("search: few have it", Filter { search: Some("resource-501".to_owned()), ..any() }),
        (
            "search: common words that seldom meet",
            Filter { search: Some("even odd".to_owned()), ..any() },
        ),
        ("search: none has it", Filter { search: Some("nothing".to_owned()), ..any() }),
        (
            "search, outcome",
            Filter {
                search: Some("even odd".to_owned()),
                outcome: vec![AuditOutcome::Success],
                ..any()
            },
        ),
        ("actorId, from", Filter { actor_id: text("actor-7"), from: instant(length / 4), ..any() }),
    ]
}

/// Entries of many kinds, whose timestamps have nothing to do with their sequence.
async fn fill(admin: &Client, organization: &str) {
    for batch in 0..ENTRIES / 1_000 {
        let entries: Vec<_> = (batch * 1_000..(batch + 1) * 1_000)
            .map(|index| {
                let mixed = index * 7_919 % ENTRIES;
                let second = i64::try_from(1_770_000_000 + mixed).unwrap();
                let actor = format!("actor-{}", mixed % 97);
                let parity = ["even", "odd", "even, odd"][if mixed.is_multiple_of(4_000) { 2 } else { mixed % 2 }];
                // Of a tenth, a related resource of the kinds and IDs of others.
                let related = format!("resource-{}", (mixed + 1) % 503);
                let related = json!({ "type": format!("type-{}", (mixed + 1) % 13), "id": related });
                let related = vec![related; usize::from(mixed.is_multiple_of(10))];
                json!({
                    "timestamp": chrono::DateTime::from_timestamp(second, 0).unwrap().to_rfc3339(),
                    "actor": {
                        "id": actor, "email": format!("{actor}@acme.test"),
                        "type": TYPES[mixed % 5],
                    },
                    "action": format!("thing.do-{}", mixed % 41),
                    "outcome": OUTCOMES[mixed / 5 % 5],
                    "resource": { "type": format!("type-{}", mixed % 13), "id": format!("resource-{}", mixed % 503), "name": parity },
                    "relatedResources": related,
                    "metadata": { "requestId": format!("request-{}", mixed / 3) },
                })
            })
            .collect();
        let payload = admin.record_entries(organization, Value::from(entries)).await;
        assert_eq!(payload["userErrors"], json!([]));
    }
}

fn sort(rows: &mut [Model], order: Order) {
    match order {
        Order::RecordedAsc => rows.sort_by_key(|row| row.sequence),
        Order::RecordedDesc => rows.sort_by_key(|row| -row.sequence),
        Order::TimestampAsc => rows.sort_by_key(|row| (row.timestamp, row.sequence)),
        Order::TimestampDesc => {
            rows.sort_by_key(|row| std::cmp::Reverse((row.timestamp, row.sequence)));
        }
    }
}

/// A database that explains how it runs a statement.
struct Explained {
    backend: Backend,
    db: DatabaseConnection,
    /// Instructions that SQLite's virtual machine has run on the one connection.
    steps: Arc<AtomicUsize>,
}

impl Explained {
    async fn connect(url: &str, backend: Backend) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        if backend == Backend::Postgres {
            // Where row-level security binds the role.
            db.execute_unprepared("SET daybook.organizations = '*'").await.unwrap();
        }
        let steps = Arc::new(AtomicUsize::new(0));
        if backend == Backend::Sqlite {
            let counter = Arc::clone(&steps);
            let mut connection = db.get_sqlite_connection_pool().acquire().await.unwrap();
            connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
                counter.fetch_add(1, Ordering::Relaxed);
                true
            });
        }
        Self { backend, db, steps }
    }

    /// Most work for a page whose rows stand together in an index.
    fn most(&self) -> usize {
        match self.backend {
            // Some forty instructions a row.
            Backend::Sqlite => ROWS * 45,
            // Each row is told by the scan and by the limit; and row-level security's setting is looked at twice.
            Backend::Postgres => ROWS * 2 + 2,
        }
    }

    /// Most work for a page that is joined from pages of an index each, of which a page is sorted and
    /// looked up again.
    fn most_of_branches(&self, branches: usize) -> usize {
        match self.backend {
            Backend::Sqlite => ROWS * 60 * (branches + 1),
            Backend::Postgres => ROWS * 7 * (branches + 1),
        }
    }

    /// Most work for a page of a search: to walk through a window and to sort what the index finds, far
    /// less than to walk through the log.
    fn most_of_a_search(&self) -> usize {
        match self.backend {
            Backend::Sqlite => 5_000 * 40,
            // Each row is told by walk, window and look, and the window's end is sought.
            Backend::Postgres => 5_000 * 6,
        }
    }

    /// Most work for a page of a range in another order: to try each way for some thousand entries, far
    /// less than to walk through a long log.
    fn most_of_a_range(&self) -> usize {
        match self.backend {
            Backend::Sqlite => 500_000,
            Backend::Postgres => 60_000,
        }
    }

    /// The plans of what a page may come to.
    async fn plans(&self, statements: Vec<Statement>) -> String {
        let mut plans = Vec::new();
        for statement in statements {
            plans.push(self.plan(statement).await);
        }
        plans.join("\n")
    }

    /// Returns the cost of a page, including all statements that the service would send for it.
    async fn work_of_all(&self, statements: Vec<Statement>) -> usize {
        let [count, recent_window, more, full_range] = &statements[..] else {
            let [statement] = &statements[..] else { panic!("one statement or four") };
            return self.work(statement.clone()).await;
        };
        let counted = self.db.query_one_raw(count.clone()).await.unwrap().unwrap();
        let counted: i64 = counted.try_get("", "count").unwrap();
        let walked = self.db.query_all_raw(recent_window.clone()).await.unwrap().len();
        let wanted = match (counted <= 1_000, walked == ROWS) {
            (true, _) => vec![count, full_range],
            (false, true) => vec![count, recent_window],
            (false, false) => vec![count, recent_window, more, full_range],
        };
        let mut work = 0;
        for statement in wanted {
            work += self.work(statement.clone()).await;
        }
        work
    }

    /// The plan, a line a step.
    async fn plan(&self, statement: Statement) -> String {
        match self.backend {
            Backend::Sqlite => self.explain("EXPLAIN QUERY PLAN", "detail", statement).await,
            Backend::Postgres => self.explain("EXPLAIN", "QUERY PLAN", statement).await,
        }
    }

    /// Returns the cost of a statement: instructions on SQLite, rows read on PostgreSQL.
    async fn work(&self, statement: Statement) -> usize {
        match self.backend {
            Backend::Sqlite => {
                let before = self.steps.load(Ordering::Relaxed);
                self.db.query_all_raw(statement).await.unwrap();
                self.steps.load(Ordering::Relaxed) - before
            }
            Backend::Postgres => {
                let plan = self.explain("EXPLAIN ANALYZE", "QUERY PLAN", statement).await;
                plan.lines().map(rows_read).sum()
            }
        }
    }

    async fn explain(&self, how: &str, column: &str, mut statement: Statement) -> String {
        statement.sql = format!("{how} {}", statement.sql);
        let rows = self.db.query_all_raw(statement).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
        lines.join("\n")
    }
}

/// Returns the number of rows in a line of PostgreSQL's EXPLAIN ANALYZE.
fn rows_read(line: &str) -> usize {
    let number = |text: &str| -> usize {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let actual = line.split_once("(actual ").and_then(|(_, actual)| actual.split_once("rows="));
    let removed = line.split_once("Rows Removed by Filter: ");
    actual.or(removed).map_or(0, |(_, text)| number(text))
}
