//! Every document of the client is valid under the published schema.
//! Calls over a socket are tested by the users of the client.

use std::collections::BTreeSet;

use admin_client::{DOCUMENTS, Mutation, OPERATOR_DOCUMENTS};
use apollo_compiler::{ExecutableDocument, Schema};

#[test]
fn every_document_is_valid_under_the_published_schema() {
    let schema = Schema::parse_and_validate(include_str!("../schema/backend.graphql"), "backend.graphql").unwrap();
    let mutations = Mutation::ALL.iter().map(|mutation| mutation.document());
    for document in DOCUMENTS.iter().chain(OPERATOR_DOCUMENTS).copied().chain(mutations) {
        if let Err(faults) = ExecutableDocument::parse_and_validate(&schema, document, "document.graphql") {
            panic!("{document}\n{faults}");
        }
    }
}

/// Two are deprecated in favour of those that name what is paid or withdrawn.
#[test]
fn every_mutation_of_the_schema_is_known_but_the_deprecated_two() {
    let schema = Schema::parse_and_validate(include_str!("../schema/backend.graphql"), "backend.graphql").unwrap();
    let known: BTreeSet<&str> = Mutation::ALL.iter().map(|mutation| mutation.field()).collect();
    let published = schema.get_object("Mutation").unwrap();
    let missing: Vec<_> = published.fields.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert_eq!(missing, ["depositEventLiquidity", "withdrawEventLiquidity"]);
}

#[test]
fn no_document_of_a_console_asks_for_a_secret() {
    for document in OPERATOR_DOCUMENTS {
        let asks = ["apiSecret", "idpSecret", "authToken"].iter().find(|secret| document.contains(**secret));
        assert_eq!(asks, None, "{document}");
    }
}

#[test]
fn a_document_with_an_unknown_field_would_be_found() {
    let schema = Schema::parse_and_validate(include_str!("../schema/backend.graphql"), "backend.graphql").unwrap();
    let document = "query { whoami { secret } }";
    assert!(ExecutableDocument::parse_and_validate(&schema, document, "document.graphql").is_err());
}

/// A signature says nothing of the API it is for, and clients of the original name none in the body either. What keeps a
/// request to one API from having an effect at the other is that they have no operation in common.
#[test]
fn no_operation_of_the_backends_api_exists_at_the_authorization_server() {
    let operations = |text: &str| -> BTreeSet<String> {
        let schema = Schema::parse_and_validate(text, "schema.graphql").unwrap();
        let roots = ["Query", "Mutation"].map(|name| schema.get_object(name).unwrap());
        roots.iter().flat_map(|root| root.fields.keys()).map(ToString::to_string).collect()
    };
    let backend = operations(include_str!("../schema/backend.graphql"));
    let auth = operations(include_str!("../../../edges/auth-api/tests/auth.graphql"));
    assert!(backend.len() > 50 && auth.len() >= 3);
    assert_eq!(backend.intersection(&auth).collect::<Vec<_>>(), Vec::<&String>::new());
}
