//! Every document of the client is valid under the published schema.

use admin_client::DOCUMENTS;
use apollo_compiler::{ExecutableDocument, Schema};

#[test]
fn every_document_is_valid_under_the_published_schema() {
    let schema = Schema::parse_and_validate(include_str!("../schema/backend.graphql"), "backend.graphql").unwrap();
    for document in DOCUMENTS {
        if let Err(faults) = ExecutableDocument::parse_and_validate(&schema, *document, "document.graphql") {
            panic!("{document}\n{faults}");
        }
    }
}

#[test]
fn a_document_with_an_unknown_field_would_be_found() {
    let schema = Schema::parse_and_validate(include_str!("../schema/backend.graphql"), "backend.graphql").unwrap();
    let document = "query { whoami { secret } }";
    assert!(ExecutableDocument::parse_and_validate(&schema, document, "document.graphql").is_err());
}
