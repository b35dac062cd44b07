//! Where the replicas are: names are looked up once, as the client takes numbers only.
//! Requests to the replicas are in `cluster`.

use std::net::SocketAddr;

use crate::JoinError;

/// Comma-separated `port`, `ip:port` or `host:port` as the client takes them. Of a name, its first IPv4 address.
pub(crate) async fn resolved(addresses: &str) -> Result<String, JoinError> {
    let mut found = Vec::new();
    for address in addresses.split(',').map(str::trim).filter(|address| !address.is_empty()) {
        found.push(one(address).await?);
    }
    Ok(found.join(","))
}

async fn one(address: &str) -> Result<String, JoinError> {
    let refused = |reason: String| JoinError::Address { address: address.to_owned(), reason };
    if let Ok(port) = address.parse::<u16>() {
        return Ok(format!("127.0.0.1:{port}"));
    }
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return Ok(socket.to_string());
    }
    let known = tokio::net::lookup_host(address).await.map_err(|error| refused(error.to_string()))?;
    let first = known.into_iter().find(SocketAddr::is_ipv4);
    first.map(|socket| socket.to_string()).ok_or_else(|| refused("the name has no IPv4 address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ports_addresses_and_names_become_numbers() {
        let known = resolved("3004, 10.5.0.50:4342,localhost:3005,").await.unwrap();
        assert_eq!(known, "127.0.0.1:3004,10.5.0.50:4342,127.0.0.1:3005");
    }

    #[tokio::test]
    async fn an_unknown_name_or_one_without_a_port_is_refused() {
        for address in ["nowhere.invalid:3004", "localhost", "70000"] {
            let error = resolved(address).await.unwrap_err();
            assert!(error.to_string().contains(address), "{error}");
        }
    }
}
