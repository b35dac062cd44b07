//! The signature base (RFC 9421 section 2.5): the octets that are signed.
//! Signing is in `signer`, checking in `verify`.

use http::header::AUTHORIZATION;

use crate::components::Component;
use crate::request::SignedRequest;

/// The base of `request` over `components`, ending in `params`, the text after the label; `None` if a covered header is
/// absent or the target is not an absolute URI.
pub(crate) fn signature_base(request: &SignedRequest<'_>, components: &[Component], params: &str) -> Option<Vec<u8>> {
    let mut base = Vec::with_capacity(512);
    for component in components {
        write_name(&mut base, component);
        write_value(&mut base, request, component)?;
        base.push(b'\n');
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(params.as_bytes());
    Some(base)
}

/// The base as text for a log, with the token taken out.
pub(crate) fn redacted_base(request: &SignedRequest<'_>, components: &[Component], params: &str) -> String {
    let mut base = Vec::new();
    for component in components {
        write_name(&mut base, component);
        if *component == Component::Field(AUTHORIZATION) {
            base.extend_from_slice(b"<redacted>");
        } else if write_value(&mut base, request, component).is_none() {
            base.extend_from_slice(b"<absent>");
        }
        base.push(b'\n');
    }
    format!("{}\"@signature-params\": {params}", String::from_utf8_lossy(&base))
}

fn write_name(base: &mut Vec<u8>, component: &Component) {
    base.push(b'"');
    base.extend_from_slice(component.as_str().as_bytes());
    base.extend_from_slice(b"\": ");
}

fn write_value(base: &mut Vec<u8>, request: &SignedRequest<'_>, component: &Component) -> Option<()> {
    match component {
        Component::Method => base.extend_from_slice(request.method.as_bytes()),
        Component::TargetUri => base.extend_from_slice(request.target_uri.as_bytes()),
        Component::Field(name) => {
            let mut values = request.headers.get_all(name).iter();
            base.extend_from_slice(values.next()?.as_bytes().trim_ascii());
            for value in values {
                base.extend_from_slice(b", ");
                base.extend_from_slice(value.as_bytes().trim_ascii());
            }
        }
        Component::Scheme => base.extend_from_slice(Target::of(request)?.scheme.to_ascii_lowercase().as_bytes()),
        Component::Authority => base.extend_from_slice(Target::of(request)?.normalised_authority().as_bytes()),
        Component::RequestTarget => base.extend_from_slice(Target::of(request)?.path_and_query().as_bytes()),
        Component::Path => base.extend_from_slice(Target::of(request)?.path().as_bytes()),
        Component::Query => base.extend_from_slice(Target::of(request)?.query().as_bytes()),
    }
    Some(())
}

/// The parts of an absolute target URI as sent, without normalising what is signed raw.
struct Target<'a> {
    scheme: &'a str,
    authority: &'a str,
    rest: &'a str,
}

impl<'a> Target<'a> {
    fn of(request: &SignedRequest<'a>) -> Option<Self> {
        let (scheme, rest) = request.target_uri.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let rest = rest.split('#').next().unwrap_or_default();
        Some(Self { scheme, authority, rest })
    }

    /// Lower case, without the scheme's own port (RFC 9421 section 2.2.3).
    fn normalised_authority(&self) -> String {
        let authority = self.authority.to_ascii_lowercase();
        let own_port = if self.scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        authority.strip_suffix(own_port).map(str::to_owned).unwrap_or(authority)
    }

    fn path_and_query(&self) -> String {
        if self.rest.starts_with('/') { self.rest.to_owned() } else { format!("/{}", self.rest) }
    }

    fn path(&self) -> &'a str {
        let path = self.rest.split('?').next().unwrap_or_default();
        if path.is_empty() { "/" } else { path }
    }

    fn query(&self) -> &'a str {
        self.rest.find('?').map_or("?", |start| &self.rest[start..])
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn derived_components_follow_rfc_9421_section_2_2() {
        let headers = HeaderMap::new();
        let request = SignedRequest {
            method: "POST",
            target_uri: "https://WWW.Example.com:443/path?param=value&a=b",
            headers: &headers,
            body: b"",
        };
        let components: Vec<_> = ["@authority", "@scheme", "@request-target", "@path", "@query"]
            .into_iter()
            .map(|name| Component::parse(name).unwrap())
            .collect();
        let base = String::from_utf8(signature_base(&request, &components, "()").unwrap()).unwrap();
        assert_eq!(
            base,
            "\"@authority\": www.example.com\n\"@scheme\": https\n\"@request-target\": /path?param=value&a=b\n\
             \"@path\": /path\n\"@query\": ?param=value&a=b\n\"@signature-params\": ()"
        );
    }
}
