//! Searching by words, against a model that knows which words it has put into an entry: whatever is
//! asked, in whatever spelling, list, count, export and tail are what a plain loop finds.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

use crate::{
    exports::{ORDERS, export, input},
    filters::{Dice, Pages, Way, sort, walk},
};

/// Words, each with its spellings, and in how many of a thousand entries it occurs.
const WORDS: [(usize, &[&str]); 16] = [
    (500, &["device", "Device", "DEVICE"]),
    (990, &["everywhere", "EVERYWHERE"]),
    (400, &["assign", "Assign"]),
    (3, &["andré", "ANDRÉ", "andre\u{301}", "ANDRE\u{301}"]),
    (30, &["andre", "ANDRE"]),
    (10, &["straße", "STRASSE", "Strasse"]),
    (2, &["ﬁnal", "FINAL"]),
    (20, &["東"]),
    (200, &["京"]),
    (5, &["नमस्ते"]),
    (50, &["ΟΔΟΣ", "οδος", "οδοσ"]),
    (100, &["777", "７７７"]),
    (1, &["or", "OR"]),
    (2, &["NOT", "not"]),
    (8, &["near", "NEAR"]),
    (1, &[LONG, LONG_UPPER]),
];
/// Index of a word that occurs only in the log's first entries, and never with the words that exclude it.
const OLD: usize = WORDS.len();
const LONG: &str = "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé";
const LONG_UPPER: &str = "ÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉÉ";
const BETWEEN: [&str; 20] = [
    ".", "-", " ", "@", "'", "\"", "*", "(", ")", ":", "\\", "|", "&", "_", "/", "\n", "…", "🚀",
    "\u{3000}", " ^{+}",
];
/// More than are walked before the index is asked.
const ENTRIES: usize = 8_000;
const SEARCHES: usize = 50;

/// Words joined by what separates them, each in any spelling.
fn text(dice: &mut Dice, words: &[usize]) -> String {
    let mut text = String::new();
    for word in words {
        let spelling = WORDS.get(*word).map_or("old", |(_, spellings)| *dice.pick(spellings));
        text.push_str(spelling);
        let between: &&str = dice.pick(&BETWEEN);
        text.push_str(between);
    }
    text
}

fn some_words(dice: &mut Dice, index: usize) -> Vec<usize> {
    let mut words: Vec<usize> =
        (0..WORDS.len()).filter(|word| dice.between(1, 1_000) <= WORDS[*word].0).collect();
    if index < 400 {
        // One that is common here and nowhere else, and goes with none that is.
        words.retain(|word| WORDS[*word].0 < 400);
        words.push(OLD);
    }
    words
}

/// An entry in whose fields these words are, and others in fields that a search does not look at.
fn entry(dice: &mut Dice, index: usize, words: &[usize]) -> Value {
    let mut fields = vec![Vec::new(); 5];
    for word in words {
        let is_long = *word == WORDS.len() - 1;
        fields[if is_long { 4 } else { dice.between(0, 4) }].push(*word);
    }
    let texts: Vec<String> = fields.iter().map(|words| text(dice, words)).collect();
    let [action, id, email, name, resource_name] = &texts[..] else { panic!("five fields") };
    let mut entry = json!({
        "timestamp": format!("2026-01-{:02}T00:00:{:02}Z", index * 7 % 28 + 1, index * 7_919 % 60),
        "actor": { "id": "decoy" },
        "action": format!("{}!", action.replace('*', "+")),
        "outcome": dice.pick(&["SUCCESS", "SUCCESS", "FAILURE"]),
        "resource": { "type": "decoy", "id": format!("{id}.") },
        "metadata": { "requestId": "decoy", "userAgent": "decoy" },
    });
    for (parent, field, text) in
        [("actor", "email", email), ("actor", "name", name), ("resource", "name", resource_name)]
    {
        if !text.is_empty() {
            entry[parent][field] = json!(text);
        }
    }
    entry
}

/// Entries in the log, with the words of each.
async fn fill(
    server: &TestServer,
    organization: &str,
    dice: &mut Dice,
) -> Vec<(Value, Vec<usize>)> {
    let admin = server.client(organization, Role::Admin).await;
    let mut filled = Vec::new();
    for batch in 0..ENTRIES / 1_000 {
        let words: Vec<_> =
            (0..1_000).map(|index| some_words(dice, batch * 1_000 + index)).collect();
        let entries = words
            .iter()
            .enumerate()
            .map(|(index, words)| entry(dice, batch * 1_000 + index, words));
        let entries: Vec<_> = entries.collect();
        let payload = admin.record_entries(organization, json!(entries)).await;
        assert_eq!(payload["userErrors"], json!([]));
        let recorded = payload["auditLogs"].as_array().unwrap();
        let with_outcome = recorded.iter().zip(entries).map(|(recorded, entry)| {
            json!({
                "sequence": recorded["sequence"], "timestamp": recorded["timestamp"],
                "outcome": entry["outcome"],
            })
        });
        filled.extend(with_outcome.zip(words));
    }
    filled
}

fn sequences(entries: &[Value]) -> Vec<Value> {
    entries.iter().map(|entry| entry["sequence"].clone()).collect()
}

#[on_each_engine]
async fn search_finds_what_a_plain_loop_finds(server: &TestServer) {
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut dice = Dice(20_261_124);
    let log = fill(server, &acme, &mut dice).await;
    // Of the same words, and in nobody's results but its own.
    server.set_member(&other, "admin", Role::Admin).await;
    let words: Vec<_> = (0..=OLD).collect();
    let entries = [entry(&mut dice, 0, &words), entry(&mut dice, 1, &words)];
    admin.record_entries(&other, json!(entries)).await;
    let (mut found, mut none) = (0, 0);
    for number in 0..SEARCHES {
        let mut wanted: Vec<_> = (0..dice.between(1, 3)).map(|_| dice.between(0, OLD)).collect();
        if number < 2 * WORDS.len() {
            wanted = vec![number / 2];
        }
        let mut filter = json!({ "search": text(&mut dice, &wanted) });
        if dice.one_in(4) {
            filter["outcome"] = json!("FAILURE");
        }
        let order = *dice.pick(&ORDERS);
        let passes = |(entry, words): &&(Value, Vec<usize>)| {
            wanted.iter().all(|word| words.contains(word))
                && filter.get("outcome").is_none_or(|outcome| entry["outcome"] == *outcome)
        };
        let mut expected: Vec<_> =
            log.iter().filter(passes).map(|(entry, _)| entry.clone()).collect();
        sort(&mut expected, order);
        let size = dice.between((expected.len() / 6 + 1).min(100), 100);
        let way = *dice.pick(&[Way::Forward, Way::Backward]);
        // A few pages tell enough of thousands.
        let most = size * 8;
        let listed = walk(&admin, &acme, &filter, order, Pages { size, way, most }).await;
        if way == Way::Backward {
            expected.drain(..expected.len().saturating_sub(listed.len().max(most)));
        } else {
            expected.truncate(listed.len().max(most));
        }
        assert_eq!(
            sequences(&listed),
            sequences(&expected),
            "{number}: {filter} {order} {way:?} by {size}"
        );
        found += usize::from(!expected.is_empty());
        none += usize::from(expected.is_empty());
    }
    assert!(found > SEARCHES / 2 && none > 3, "{found} searches found something, {none} nothing");
    exports_are_the_same(server, &acme, &log).await;
}

/// Searches of an entry about Ada O'Brien and her device-7, the laptop "Seven", and how many entries each finds.
const CUT_AT_PUNCTUATION: [(&str, usize); 44] = [
    ("assign", 1),
    ("device.assign", 1),
    ("ASSIGN device", 1),
    ("assig", 0),
    ("device.retire", 0),
    ("ada@acme.test", 1),
    ("ada@acme", 1),
    ("ada@other.test", 0),
    ("o'brien", 1),
    ("'brien'", 1),
    ("device-7", 1),
    ("\"seven\"", 1),
    ("seven*", 1),
    ("sev*", 1),
    ("SEV* lap*", 1),
    ("sev* other*", 0),
    ("*even", 0),
    ("s*n", 0),
    ("sev*!", 0),
    ("\"sev\"*", 0),
    ("device.ass*", 1),
    ("-seven", 1),
    ("seven OR nothing", 0),
    ("NOT seven", 0),
    ("NEAR(laptop seven)", 0),
    ("action:device", 0),
    ("words:seven", 0),
    ("^laptop", 1),
    ("{laptop}: seven", 1),
    ("laptop & !seven", 1),
    ("laptop | seven", 1),
    ("laptop <-> seven", 1),
    ("seven:*", 1),
    ("seven:A", 0),
    ("\\seven\\", 1),
    ("'seven", 1),
    ("$1 seven", 0),
    ("? seven", 1),
    ("🚀 seven", 1),
    ("u-1", 0),
    ("grace", 0),
    ("thing", 0),
    ("seven;DROP TABLE audit_logs", 0),
    ("\u{feff}seven\u{202e}", 1),
];

#[on_each_engine]
async fn words_are_cut_at_punctuation(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!([{
        "actor": { "id": "u-1", "email": "ada@acme.test", "name": "Ada O'Brien" },
        "action": "device.assign", "resource": { "type": "thing", "id": "device-7", "name": "Laptop \"Seven\" 🚀" },
    }, {
        "actor": { "id": "grace" }, "action": "!", "resource": { "type": "thing", "id": "?" },
    }])).await;
    let count = "query($id: ID!, $search: String) {
        auditLogs(organizationId: $id, filter: { search: $search }) { totalCount nodes { sequence } }
    }";
    for (search, expected) in CUT_AT_PUNCTUATION {
        let page =
            admin.query(count, json!({ "id": acme, "search": search })).await["auditLogs"].clone();
        assert_eq!(page["totalCount"], expected, "{search}");
        assert_eq!(page["nodes"].as_array().unwrap().len(), expected, "{search}");
    }
}

#[on_each_engine]
async fn scripts_and_languages_are_found_as_their_readers_expect(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let names = [
        "İstanbul Ofisi",
        "DİYARBAKIR",
        "東京本社",
        "京東商城",
        "สำนักงานกรุงเทพ",
        "ຫ້ອງການວຽງຈັນ",
        "កម្ពុជា",
    ];
    let entry = |name: &str| {
        json!({ "actor": { "id": "u" }, "action": "site.open",
                "resource": { "type": "site", "id": "s", "name": name } })
    };
    admin.record_entries(&acme, names.map(entry).to_vec().into()).await;
    let count = "query($id: ID!, $search: String) {
        auditLogs(organizationId: $id, filter: { search: $search }) {
            totalCount nodes { resource { name } }
        }
    }";
    for (search, expected) in [
        ("istanbul", &names[..1]),
        ("ISTANBUL", &names[..1]),
        ("ıstanbul", &names[..1]),
        ("İSTAN* ofisi", &names[..1]),
        ("diyarbakır", &names[1..2]),
        ("東京", &names[2..3]),
        ("京東", &names[3..4]),
        ("東 京", &names[2..4]),
        ("本社 東京", &names[2..3]),
        ("東社", &[]),
        ("กรุงเทพ", &names[4..5]),
        ("สํานักงาน", &names[4..5]),
        ("เทพกรุง", &[]),
        ("ວຽງຈັນ", &names[5..6]),
        ("ពុជា", &names[6..7]),
    ] {
        let page = admin.query(count, json!({ "id": acme, "search": search })).await;
        let mut found: Vec<_> = page["auditLogs"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["resource"]["name"].as_str().unwrap())
            .collect();
        found.reverse();
        assert_eq!(found, expected, "{search}");
        assert_eq!(page["auditLogs"]["totalCount"], expected.len(), "{search}");
    }
}

#[on_each_engine]
async fn search_that_finds_nothing_or_costs_too_much_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let list = "query($id: ID!, $search: String) {
        auditLogs(organizationId: $id, filter: { search: $search }) { totalCount }
    }";
    let many: Vec<_> = (0..51).map(|number| number.to_string()).collect();
    let refused = [
        "",
        "\0",
        "a\0b",
        "'\"*-:()&|!<>\\",
        "🚀",
        &"é".repeat(1_001),
        &"a ".repeat(5_120),
        &many.join(" "),
    ];
    for search in refused.map(str::to_owned) {
        let answer = admin.send(list, json!({ "id": acme, "search": search })).await;
        let code = json!({ "code": "BAD_USER_INPUT", "argument": "filter.search" });
        assert_eq!(answer.body["errors"][0]["extensions"], code, "{search}: {answer:?}");
        assert!(answer.body.to_string().len() < 1_000, "an answer as long as the question");
        let payload = admin
            .start_export(input(&acme, &json!({ "search": search }), "RECORDED_ASC", "CSV"))
            .await;
        let path = json!(["source", "auditLogs", "filter", "search"]);
        assert_eq!(payload["userErrors"][0]["path"], path, "{payload}");
    }
    for search in [many[1..].join(","), "x".repeat(1_000), format!("a{}", " ".repeat(999))] {
        admin.query(list, json!({ "id": acme, "search": search })).await;
    }
}

#[on_each_engine]
async fn cursor_is_of_one_search_only(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    let list = "query($id: ID!, $search: String, $after: String) {
        auditLogs(organizationId: $id, filter: { search: $search }, first: 1, after: $after) {
            pageInfo { endCursor }
        }
    }";
    let page = admin.query(list, json!({ "id": acme, "search": "test" })).await;
    let after = page["auditLogs"]["pageInfo"]["endCursor"].clone();
    assert!(after.is_string());
    admin.query(list, json!({ "id": acme, "search": "test", "after": after })).await;
    for search in [Value::Null, json!("device")] {
        let answer =
            admin.send(list, json!({ "id": acme, "search": search, "after": after })).await;
        assert_eq!(answer.body["errors"][0]["extensions"]["argument"], "after", "{answer:?}");
    }
}

#[on_each_engine]
async fn tail_gives_what_has_the_words(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let tail = "subscription($id: ID!, $search: String, $after: String) {
        auditLogRecorded(organizationId: $id, filter: { search: $search }, after: $after) { node { action } }
    }";
    let list = "query($id: ID!, $search: String) { auditLogs(organizationId: $id, filter: { search: $search },
        orderBy: RECORDED_ASC) { pageInfo { endCursor } } }";
    let named = |action: &str| daybook_tests::entry(action);
    admin.record_entries(&acme, json!([named("start.Café")])).await;
    let page = admin.query(list, json!({ "id": acme, "search": "CAFÉ" })).await;
    let after = page["auditLogs"]["pageInfo"]["endCursor"].clone();
    assert!(after.is_string());
    socket.subscribe("1", tail, json!({ "id": acme, "search": "CAFÉ", "after": after })).await;
    admin.record_entries(&acme, json!([named("cafe"), named("café.1"), named("tea")])).await;
    admin.record_entries(&acme, json!([named("tea"), named("CAFE\u{301}")])).await;
    for action in ["café.1", "CAFE\u{301}"] {
        assert_eq!(socket.data().await["auditLogRecorded"]["node"]["action"], action);
    }
}

/// A search that finds thousands, and one that finds a few, in each order.
async fn exports_are_the_same(
    server: &TestServer,
    organization: &str,
    log: &[(Value, Vec<usize>)],
) {
    let admin = server.client(organization, Role::Admin).await;
    for (word, search) in [(2, "ASSIGN"), (5, "strasse"), (OLD, "old")] {
        for order in ORDERS {
            let mut expected: Vec<_> = log
                .iter()
                .filter(|(_, words)| words.contains(&word))
                .map(|(entry, _)| entry.clone())
                .collect();
            sort(&mut expected, order);
            let exported =
                export(&admin, input(organization, &json!({ "search": search }), order, "JSONL"))
                    .await;
            let lines = std::str::from_utf8(&exported.bytes).unwrap().lines();
            let entries: Vec<Value> =
                lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(sequences(&entries), sequences(&expected), "{search} {order}");
            assert_eq!(exported.job["recordsMatched"], expected.len().to_string());
        }
    }
}
