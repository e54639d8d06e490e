//! Attributes of tests that run on SQLite and on PostgreSQL.
//!
//! A test is a plain function, which rustfmt formats and an editor reads. Its attribute adds a module of
//! the same name with two tests that call it, so that `cargo test` lists `pages::empty::sqlite` and
//! `pages::empty::postgres`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Error, ItemFn, parse::Nothing};

/// Runs `async fn name(server: &TestServer)` on each engine, with a server of its own, whose invariants
/// are checked at the end.
#[proc_macro_attribute]
pub fn on_each_engine(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, |name, engine| on_a_server(name, engine, &quote!(start)))
}

/// Runs `async fn name(server: &TestServer)` as [`macro@on_each_engine`] does, with a server that leaves
/// jobs queued until the test asks for work.
#[proc_macro_attribute]
pub fn on_each_idle_engine(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, |name, engine| on_a_server(name, engine, &quote!(start_idle)))
}

/// Runs `async fn name(backend: Backend)` with each engine's backend. The test starts its own servers
/// and calls `finish` on them.
#[proc_macro_attribute]
pub fn on_each_backend(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, |name, engine| quote!(super::#name(#engine).await;))
}

fn on_a_server(name: &syn::Ident, engine: &Tokens, start: &Tokens) -> Tokens {
    quote! {
        let server = ::daybook_tests::TestServer::#start(#engine).await;
        super::#name(&server).await;
        server.finish().await;
    }
}

/// Leaves the function as it is, and adds the module with a test for each engine.
fn expand(
    arguments: TokenStream,
    item: TokenStream,
    body: impl Fn(&syn::Ident, &Tokens) -> Tokens,
) -> TokenStream {
    let function = match syn::parse::<Nothing>(arguments).and_then(|_| syn::parse::<ItemFn>(item)) {
        Ok(function) => function,
        Err(error) => return error.into_compile_error().into(),
    };
    let signature = &function.sig;
    if signature.asyncness.is_none() || signature.inputs.len() != 1 {
        let message = "a test of each engine is an async function with one argument";
        return Error::new_spanned(signature, message).into_compile_error().into();
    }
    let name = &signature.ident;
    let sqlite = body(name, &quote!(::daybook_tests::Backend::Sqlite));
    let postgres = body(name, &quote!(::daybook_tests::Backend::Postgres));
    quote! {
        #function

        mod #name {
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                #sqlite
            }

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                #postgres
            }
        }
    }
    .into()
}
