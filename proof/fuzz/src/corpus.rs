//! Input that is damaged, besides generated values: the vectors of the protocol crates, and recorded output of real
//! programs.
//! Generated values are in `material`.

use std::sync::LazyLock;

use serde_json::Value;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn octets(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
}

fn cases<T>(text: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    document(text)["cases"].as_array().into_iter().flatten().filter_map(read).collect()
}

/// Valid and invalid ILP packets.
pub(crate) static PACKETS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    const TEXTS: [&str; 2] = [
        include_str!("../../../protocols/ilp-packet/tests/vectors/ilp-packets.json"),
        include_str!("../../../protocols/ilp-packet/tests/vectors/ildcp.json"),
    ];
    let read = |case: &Value| ["hex", "request", "reply"].iter().find_map(|name| octets(&case[*name]));
    TEXTS.iter().flat_map(|text| cases(text, read)).collect()
});

/// Valid and invalid plaintexts of STREAM packets.
pub(crate) static PLAINTEXTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let text = include_str!("../../../protocols/stream/tests/vectors/stream-packets.json");
    cases(text, |case| octets(&case["plaintext"]["hex"]))
});

/// A destination and the receiver that issued it.
pub(crate) struct Address {
    pub(crate) secret: Vec<u8>,
    pub(crate) server: String,
    pub(crate) destination: String,
}

/// Addresses with tokens. Some of the tokens are invalid.
pub(crate) static ADDRESSES: LazyLock<Vec<Address>> = LazyLock::new(|| {
    let text = include_str!("../../../protocols/stream/tests/vectors/stream-receiver-address.json");
    cases(text, |case| {
        Some(Address {
            secret: octets(&case["serverSecret"])?,
            server: case["serverAddress"].as_str()?.to_owned(),
            destination: case["ilpAddress"].as_str()?.to_owned(),
        })
    })
});

/// A Prepare and its receiver.
pub(crate) struct Request {
    pub(crate) secret: Vec<u8>,
    pub(crate) server: String,
    pub(crate) prepare: Vec<u8>,
}

/// Requests to receivers. Some of them cannot be fulfilled.
pub(crate) static REQUESTS: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let text = include_str!("../../../protocols/stream/tests/vectors/stream-receiver-replies.json");
    cases(text, |case| {
        Some(Request {
            secret: octets(&case["serverSecret"])?,
            server: case["serverAddress"].as_str()?.to_owned(),
            prepare: octets(&case["request"]["prepare"]["packet"])?,
        })
    })
});

/// A signed HTTP request and the key it names.
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target_uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) jwk: Value,
    /// Whether that key signed exactly this request.
    pub(crate) acceptable: bool,
}

/// Messages as the published SDKs send them, and invalid ones.
pub(crate) static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let text = include_str!("../../../protocols/http-signatures/tests/vectors/http-signatures.json");
    let document = document(text);
    let read = |vector: &Value| {
        let request = &vector["request"];
        let headers = request["headers"].as_object()?.iter();
        Some(Message {
            method: request["method"].as_str()?.to_owned(),
            target_uri: request["targetUri"].as_str()?.to_owned(),
            headers: headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            body: request["body"].as_str().unwrap_or_default().to_owned(),
            jwk: document["keys"][vector["verifyWithKey"].as_str()?]["jwk"].clone(),
            acceptable: vector["expected"] == "accept",
        })
    };
    document["vectors"].as_array().into_iter().flatten().filter_map(read).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_vectors_gives_something_to_start_from() {
        let sizes = [PACKETS.len(), PLAINTEXTS.len(), ADDRESSES.len(), REQUESTS.len(), MESSAGES.len()];
        assert!(sizes[0] >= 200 && sizes[1] >= 100 && sizes[2] >= 30 && sizes[3] == 40 && sizes[4] == 60, "{sizes:?}");
    }
}
