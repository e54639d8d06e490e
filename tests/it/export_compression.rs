//! Compressed exports: gzip and zstd decompress them to the uncompressed export.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, json, on_each_engine};

use crate::exports::{export, hostile, hostile_entries, input};

const KINDS: [(&str, &str, &str, &str); 2] =
    [("GZIP", "gz", "application/gzip", "gzip"), ("ZSTD", "zst", "application/zstd", "zstd")];

/// `bytes` through a program that decompresses standard input and refuses what is damaged.
fn decompressed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (mut stdin, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let writing = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", output.status);
    output.stdout
}

#[on_each_engine]
async fn compressed_exports_hold_the_bytes_of_plain_ones(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // Several segments and slices of the compressor.
    for _ in 0..10 {
        admin.record_entries(&acme, json!(hostile_entries())).await;
    }
    for format in ["CSV", "JSON", "JSONL"] {
        let input = input(&acme, &hostile(), "RECORDED_ASC", format);
        let plain = export(&admin, input.clone()).await;
        assert_eq!(plain.job["artifact"]["manifest"]["compression"], "NONE");
        for (compression, extension, content_type, program) in KINDS {
            let mut input = input.clone();
            input["compression"] = json!(compression);
            let packed = export(&admin, input.clone()).await;
            assert_eq!(decompressed(program, &packed.bytes), plain.bytes, "{format}");
            assert!(packed.bytes.len() < plain.bytes.len() / 4, "{format} {compression}");

            let artifact = &packed.job["artifact"];
            assert_eq!(artifact["contentType"], content_type);
            let name = artifact["fileName"].as_str().unwrap();
            let end = format!(".{}.{extension}", format.to_lowercase());
            assert!(name.ends_with(&end), "{name}");
            assert_eq!(artifact["manifest"]["compression"], compression);
            assert_eq!(artifact["sizeBytes"], json!(packed.bytes.len().to_string()));

            let again = export(&admin, input).await;
            assert!(again.bytes == packed.bytes, "the same at every attempt");
        }
    }
}

#[on_each_engine]
async fn compressed_export_of_nothing_unpacks(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (compression, _, content_type, program) in KINDS {
        let mut input =
            input(&acme, &json!({ "action": "never.happened" }), "RECORDED_ASC", "JSONL");
        input["compression"] = json!(compression);
        let empty = export(&admin, input.clone()).await;
        assert_eq!(decompressed(program, &empty.bytes), b"");
        let payload = admin.start_export(input).await;
        let url = payload["inlineDataUrl"].as_str().unwrap();
        assert!(url.starts_with(&format!("data:{content_type};base64,")), "{url}");
    }
}
