//! The documentation that the server serves: its schema, and the specification of its scalars.

use daybook_tests::{Backend, TestServer, json, on_each_backend};

#[on_each_backend]
async fn schema_and_scalars_are_served(backend: Backend) {
    let server = TestServer::start(backend).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");
    let schema = reqwest::get(server.url("/schema.graphql")).await.unwrap();
    assert_eq!(schema.status(), 200);
    assert_eq!(schema.text().await.unwrap(), std::fs::read_to_string(file).unwrap());
    let types = "{ __schema { types { name specifiedByURL } } }";
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, daybook_entity::membership::Role::Admin).await;
    let types = admin.query(types, json!({})).await["__schema"]["types"].clone();
    let page = reqwest::get(server.url("/docs/scalars")).await.unwrap().text().await.unwrap();
    for name in ["DateTime", "BigInt", "JSON"] {
        let scalar = types.as_array().unwrap().iter().find(|found| found["name"] == name).unwrap();
        assert_eq!(scalar["specifiedByURL"], format!("/docs/scalars#{}", name.to_lowercase()));
        assert!(page.contains(&format!("\n## {name}\n")), "{page}");
    }
    server.finish().await;

    let closed =
        TestServer::start_with(backend, |config| config.server_limits.graphiql = false).await;
    assert_eq!(reqwest::get(closed.url("/schema.graphql")).await.unwrap().status(), 404);
    closed.finish().await;
}
