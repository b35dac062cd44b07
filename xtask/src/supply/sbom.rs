//! The bill of materials as CycloneDX 1.6 (<https://cyclonedx.org/docs/1.6/json/>). The same sources give the same octets:
//! it has no time and no random number.
//! What is in it is decided in `shipped`.

use serde_json::{Value, json};

use super::shipped::{Crate, Part, Shipped};

/// The document.
pub(crate) fn document(shipped: &Shipped) -> Value {
    let binary = shipped.crates.get(&shipped.binary);
    let others = shipped.crates.iter().filter(|(key, _)| **key != shipped.binary);
    let dependencies = shipped.crates.values().map(|one| {
        let uses = one.uses.iter().filter_map(|key| shipped.crates.get(key)).map(reference);
        json!({"ref": reference(one), "dependsOn": uses.collect::<Vec<_>>()})
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": binary.map(|one| component(one, "application")),
            "tools": {"components": [{"type": "application", "name": "cargo xtask sbom"}]},
        },
        "components": others.map(|(_, one)| component(one, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

/// The package URL (<https://github.com/package-url/purl-spec>) of an outside crate, and a name for one of our own.
fn reference(one: &Crate) -> String {
    let kind = if one.outside { "pkg:cargo/" } else { "rafiki/" };
    format!("{kind}{}@{}", one.name, one.version)
}

fn component(one: &Crate, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(one),
        "name": one.name,
        "version": one.version,
        // What only runs in the build is not in the product.
        "scope": if one.part == Part::Binary { "required" } else { "excluded" },
    });
    if !one.licence.is_empty() {
        component["licenses"] = json!([{"expression": one.licence}]);
    }
    if one.outside {
        component["purl"] = json!(reference(one));
    }
    if let Some(checksum) = &one.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = &one.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::supply::shipped::tests::small;

    #[test]
    fn a_component_has_its_package_url_its_hash_and_its_licence() {
        let document = document(&small());
        assert_eq!(document["metadata"]["component"]["name"], "rafiki");
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 4);
        let library = components.iter().find(|one| one["name"] == "lib").unwrap();
        assert_eq!(library["purl"], "pkg:cargo/lib@1.0.0");
        assert_eq!(library["hashes"][0]["content"], "00ff");
        assert_eq!(library["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(library["scope"], "required");
        assert!(components.iter().any(|one| one["name"] == "macro" && one["scope"] == "excluded"));
    }

    #[test]
    fn every_reference_of_the_real_document_is_one_of_its_components() {
        let document = document(&Shipped::read().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut known: BTreeSet<String> =
            document["components"].as_array().unwrap().iter().map(|one| text(&one["bom-ref"])).collect();
        assert!(known.insert(text(&document["metadata"]["component"]["bom-ref"])), "each is there once");
        assert_eq!(known.len(), document["components"].as_array().unwrap().len() + 1);
        for entry in document["dependencies"].as_array().unwrap() {
            assert!(known.contains(&text(&entry["ref"])));
            assert!(entry["dependsOn"].as_array().unwrap().iter().all(|one| known.contains(&text(one))));
        }
    }
}
