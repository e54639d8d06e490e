//! Traces: a collector of the test's own finds request and job where the client's trace goes on.

use std::{sync::Arc, time::Duration};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Process, TestServer, eventually, json};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes what is sent to `/v1/traces` by HTTP, as protobuf.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

impl Collector {
    /// One that listens until its task is dropped, and where.
    async fn start() -> (Self, String, JoinSet<()>) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collecting = collector.clone();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let collecting = collecting.clone();
                connections.spawn(async move { collecting.serve(connection).await });
            }
        });
        (collector, url, listening)
    }

    async fn serve(&self, connection: TcpStream) {
        let mut connection = BufReader::new(connection);
        loop {
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if connection.read_line(&mut line).await.unwrap_or_default() == 0 {
                    return;
                }
                if line == "\r\n" {
                    break;
                }
                head.push(line.trim().to_owned());
            }
            assert_eq!(head[0], "POST /v1/traces HTTP/1.1");
            let header = |name: &str| {
                let mut headers = head.iter().filter_map(|line| line.split_once(": "));
                headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            assert_eq!(header("content-type"), Some("application/x-protobuf"));
            let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
            connection.read_exact(&mut body).await.unwrap();
            self.take(&ExportTraceServiceRequest::decode(&body[..]).unwrap()).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            connection.write_all(answer).await.unwrap();
        }
    }

    async fn take(&self, request: &ExportTraceServiceRequest) {
        let mut spans = self.0.lock().await;
        for resource in &request.resource_spans {
            let service = text(&resource.resource.as_ref().unwrap().attributes, "service.name");
            let found = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.extend(found.map(|span| (service.clone().unwrap(), span.clone())));
        }
    }

    /// Waits for a span of the client's trace.
    async fn span(&self, what: &str, is_it: impl Fn(&Span) -> bool) -> (String, Span) {
        eventually(what, 60, async || {
            let spans = self.0.lock().await;
            let mut ours = spans.iter().filter(|(_, span)| hex(&span.trace_id) == TRACE);
            ours.find(|(_, span)| is_it(span)).cloned()
        })
        .await
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_goes_on_from_the_client_through_request_and_job() {
    let (collector, url, _listening) = Collector::start().await;
    // Two processes work on it, for which SQLite is none.
    let idle = TestServer::start_idle_with(Backend::Postgres, |config| {
        config.testing.export_inline_records = 0;
    });
    let server = idle.await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let environment = |name: &str| {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
            ("OTEL_SERVICE_NAME", name.to_owned()),
            // Spans are exported whatever is logged.
            (
                "DAYBOOK_LOG",
                "warn,daybook_api::cli=info,daybook_service::jobs::worker=info".to_owned(),
            ),
        ]
    };
    let serve = Process::serve_idle_with(&server.config, &environment("front")).await;
    let mut worker = Process::worker_with(&server.config, &environment("back")).await;

    let start = "mutation($input: StartExportInput!) { startExport(input: $input) { job { id } } }";
    let source = json!({ "auditLogs": {} });
    let input = json!({ "organizationId": acme, "source": source, "format": "CSV" });
    let sent = reqwest::Client::new()
        .post(format!("{}/graphql", serve.url().await))
        .timeout(Duration::from_secs(60))
        .bearer_auth(admin.token.as_ref().unwrap())
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .header("x-request-id", "traced")
        .json(&json!({ "query": start, "variables": { "input": input } }));
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: daybook_tests::Value = answer.json().await.unwrap();
    let id = answer["data"]["startExport"]["job"]["id"].as_str().unwrap();
    assert_eq!(admin.finished(id).await["state"], "SUCCEEDED");
    // What is left is sent at the end.
    worker.stop().await;

    let is_request = |span: &Span| hex(&span.parent_span_id) == PARENT;
    let (service, request) = collector.span("the request's span", is_request).await;
    assert_eq!((service.as_str(), request.name.as_str()), ("front", "POST /graphql"));
    assert_eq!(request.kind, SpanKind::Server as i32);
    assert_eq!(text(&request.attributes, "request.id").as_deref(), Some("traced"));
    let status = text(&request.attributes, "http.response.status_code");
    assert_eq!(status.as_deref(), Some("200"));
    let is_attempt = |span: &Span| span.parent_span_id == request.span_id;
    let (service, attempt) = collector.span("the attempt's span", is_attempt).await;
    assert_eq!((service.as_str(), attempt.name.as_str()), ("back", "job.attempt"));
    assert_eq!(text(&attempt.attributes, "request.id").as_deref(), Some("traced"));
    assert!(attempt.start_time_unix_nano >= request.start_time_unix_nano);
    drop(serve);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protocol_that_is_not_spoken_is_refused() {
    let server = TestServer::start_idle(Backend::Sqlite).await;
    let mut command = daybook_tests::binary::daybook(server.folder());
    command.arg("schema").env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = daybook_tests::binary::stderr(&output);
    assert!(said.contains("must be http/protobuf (it is grpc)"), "{said}");
    server.finish().await;
}
