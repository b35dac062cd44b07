//! `Signature-Input` and `Signature` (RFC 9421 section 4): strict structured fields first, then the looser forms in
//! the field.
//!
//! It verifies nothing. Clients choose the label (RFC 9421 section 4.1). If there are several signatures, the one named
//! `sig1` is used, or else the only one that covers method and target. Its text is kept as received, because that text
//! was signed.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sfv::{BareItem, FieldType, InnerList, List, ListEntry, Parser};

use crate::components::Component;

/// The label that published clients use for their signature.
const USUAL_LABEL: &str = "sig1";

/// Why the two headers cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputError {
    /// There is no member that can be the client's signature, or there are several.
    Label,
    /// The member is not a list of components with parameters.
    Malformed,
    /// A component is unknown, parametrised, not in lower case or listed twice.
    Component,
}

/// The parameters of a signature that are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) key_id: Option<String>,
    pub(crate) created: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) nonce: Option<String>,
    pub(crate) alg: Option<String>,
}

/// The client's member of a `Signature-Input` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignatureInput {
    /// Its label. `Signature` has the octets under the same label.
    pub(crate) label: String,
    pub(crate) components: Vec<Component>,
    pub(crate) parameters: Parameters,
    /// The member's value as received.
    pub(crate) raw: String,
    /// The value in the form of RFC 8941, if that is another text.
    pub(crate) canonical: Option<String>,
}

impl SignatureInput {
    pub(crate) fn parse(header: &str) -> Result<Self, InputError> {
        let members = members(header);
        let read = |(label, raw): &(&str, &str)| match members.iter().filter(|(other, _)| other == label).count() {
            1 => Self::parse_member(label, raw),
            _ => Err(InputError::Label),
        };
        let usual = members.iter().find(|(label, _)| *label == USUAL_LABEL).map(read);
        let is_ours = |input: &Self| input.covers(&Component::Method) && input.covers(&Component::TargetUri);
        if let Some(Ok(input)) = &usual
            && is_ours(input)
        {
            return Ok(input.clone());
        }
        let mut ours = members.iter().filter_map(|member| read(member).ok()).filter(is_ours);
        match (ours.next(), ours.next(), usual, members.as_slice()) {
            (Some(only), None, ..) => Ok(only),
            // The error is about the signature that was chosen.
            (None, _, Some(usual), _) => usual,
            (None, _, None, [sole]) => read(sole),
            _ => Err(InputError::Label),
        }
    }

    fn parse_member(label: &str, raw: &str) -> Result<Self, InputError> {
        match Parser::new(raw).parse::<List>() {
            Ok(list) => Self::from_structured(label, raw, &list),
            Err(_) => Self::from_loose(label, raw),
        }
    }

    pub(crate) fn covers(&self, component: &Component) -> bool {
        self.components.contains(component)
    }

    fn from_structured(label: &str, raw: &str, list: &List) -> Result<Self, InputError> {
        let [ListEntry::InnerList(inner)] = list.as_slice() else {
            // Unquoted identifiers are tokens to RFC 8941 unless they begin with `@`.
            return Self::from_loose(label, raw);
        };
        if inner.items.iter().any(|item| matches!(item.bare_item, BareItem::Token(_))) {
            return Self::from_loose(label, raw);
        }
        let components = components(inner.items.iter().map(|item| match &item.bare_item {
            BareItem::String(name) if item.params.is_empty() => Some(name.as_str()),
            _ => None,
        }))?;
        let canonical = list.serialize().filter(|canonical| canonical != raw);
        Ok(Self {
            label: label.to_owned(),
            components,
            parameters: structured_parameters(inner),
            raw: raw.to_owned(),
            canonical,
        })
    }

    /// Identifiers with or without quotes, separated by single spaces; parameters separated by semicolons.
    fn from_loose(label: &str, raw: &str) -> Result<Self, InputError> {
        let inside = raw.strip_prefix('(').ok_or(InputError::Malformed)?;
        let (list, parameters) = inside.split_once(')').ok_or(InputError::Malformed)?;
        let components = components(list.split(' ').map(|name| match name.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"'),
            None => Some(name),
        }))?;
        let parameters = loose_parameters(parameters)?;
        Ok(Self { label: label.to_owned(), components, parameters, raw: raw.to_owned(), canonical: None })
    }
}

fn components<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Result<Vec<Component>, InputError> {
    let mut components = Vec::new();
    for name in names {
        let component = name.and_then(Component::parse).ok_or(InputError::Component)?;
        if components.contains(&component) {
            return Err(InputError::Component);
        }
        components.push(component);
    }
    Ok(components)
}

fn structured_parameters(list: &InnerList) -> Parameters {
    let text = |name: &str| match list.params.get(name) {
        Some(BareItem::String(value)) => Some(value.as_str().to_owned()),
        Some(BareItem::Token(value)) => Some(value.as_str().to_owned()),
        _ => None,
    };
    let integer = |name: &str| list.params.get(name).and_then(BareItem::as_integer).map(i64::from);
    Parameters {
        key_id: text("keyid"),
        created: integer("created"),
        expires: integer("expires"),
        nonce: text("nonce"),
        alg: text("alg"),
    }
}

fn loose_parameters(text: &str) -> Result<Parameters, InputError> {
    let mut parameters = Parameters::default();
    let mut segments = split_outside_quotes(text, ';').into_iter();
    if segments.next().is_some_and(|before_first| !before_first.trim().is_empty()) {
        return Err(InputError::Malformed);
    }
    for segment in segments {
        let (name, value) = segment.trim().split_once('=').ok_or(InputError::Malformed)?;
        let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value).to_owned();
        match name {
            "keyid" => set_once(&mut parameters.key_id, unquoted)?,
            "nonce" => set_once(&mut parameters.nonce, unquoted)?,
            "alg" => set_once(&mut parameters.alg, unquoted)?,
            "created" => set_once(&mut parameters.created, unquoted.parse().map_err(|_| InputError::Malformed)?)?,
            "expires" => set_once(&mut parameters.expires, unquoted.parse().map_err(|_| InputError::Malformed)?)?,
            _ => {}
        }
    }
    Ok(parameters)
}

fn set_once<T>(slot: &mut Option<T>, value: T) -> Result<(), InputError> {
    if slot.replace(value).is_some() { Err(InputError::Malformed) } else { Ok(()) }
}

/// The 64 octets of the member `label` of a `Signature` header, or of the whole header if it carries no label.
pub(crate) fn parse_signature(header: &str, label: &str) -> Option<[u8; 64]> {
    let members = members(header);
    let mut labelled = members.iter().filter(|(name, _)| *name == label).map(|(_, value)| *value);
    let member = match (labelled.next(), labelled.next()) {
        (Some(member), None) => member,
        (None, _) if !header.contains(',') => header.trim(),
        _ => return None,
    };
    let text = member.split(';').next()?.trim();
    let text = text.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).unwrap_or(text);
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, config).decode(text).ok()?.try_into().ok()
}

/// Labels and texts of the members; what has no label (RFC 9651 section 3.1.2) is left out.
fn members(header: &str) -> Vec<(&str, &str)> {
    let is_label = |text: &str| {
        let mut octets = text.bytes();
        octets.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'*')
            && octets.all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'))
    };
    let parts = split_outside_quotes(header, ',').into_iter();
    parts.filter_map(|part| part.trim().split_once('=').filter(|(label, _)| is_label(label))).collect()
}

/// Splits at every `separator` that is not inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (position, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[start..position]);
                start = position + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_labels_are_ignored_and_a_repeated_label_is_refused() {
        let input =
            SignatureInput::parse(r#"sig2=("@path");keyid="a,sig1=b", sig1=("@method");keyid="k";created=7"#).unwrap();
        assert_eq!(input.components, [Component::Method]);
        assert_eq!(input.parameters.key_id.as_deref(), Some("k"));
        assert_eq!(input.parameters.created, Some(7));
        assert_eq!(SignatureInput::parse(r#"sig1=("@method"), sig1=("@path")"#), Err(InputError::Label));
        assert_eq!(SignatureInput::parse(r#"("@method")"#), Err(InputError::Label));
    }

    #[test]
    fn the_label_is_free_as_long_as_it_is_clear_which_signature_is_meant() {
        let ours = r#"("@method" "@target-uri");keyid="k""#;
        let chosen = |header: &str| SignatureInput::parse(header).map(|input| input.label);
        let other = r#"("@authority");keyid="proxy""#;
        assert_eq!(chosen(&format!("sig={ours}")), Ok("sig".into()));
        assert_eq!(chosen(&format!("my-sig.2*={ours}, ttrp={other}")), Ok("my-sig.2*".into()));
        assert_eq!(chosen(&format!("sig1={other}, b={ours}")), Ok("b".into()));
        assert_eq!(chosen(&format!("b={ours}, sig1={ours}")), Ok("sig1".into()));
        assert_eq!(chosen(&format!("sig1={other}")), Ok("sig1".into()), "so that it can be told what is missing");
        for unclear in [
            format!("a={ours}, b={ours}"),
            format!("a={ours}, a={ours}"),
            format!("a={other}, b={other}"),
            format!("Sig={ours}"),
            String::new(),
        ] {
            assert_eq!(chosen(&unclear), Err(InputError::Label), "{unclear}");
        }
    }

    #[test]
    fn component_parameters_duplicates_and_upper_case_are_refused() {
        for list in
            [r#"("content-type";sf)"#, r#"("@method" "@method")"#, r#"("Date")"#, "(Date)", r#"("@query-param")"#]
        {
            assert_eq!(
                SignatureInput::parse(&format!("sig1={list};keyid=\"k\"")),
                Err(InputError::Component),
                "{list}"
            );
        }
    }

    #[test]
    fn unquoted_identifiers_are_understood_and_kept_as_received() {
        let input = SignatureInput::parse(r#"sig1=(@method content-type);created=5;keyid="k""#).unwrap();
        assert_eq!(input.components.len(), 2);
        assert_eq!(input.raw, r#"(@method content-type);created=5;keyid="k""#);
        assert_eq!(input.canonical, None);
        let without_derived = SignatureInput::parse("sig1=(date host);keyid=\"k\"").unwrap();
        assert_eq!(without_derived.components.len(), 2);
    }

    #[test]
    fn white_space_between_parameters_leaves_a_second_canonical_text() {
        let input = SignatureInput::parse(r#"sig1=("@method");created=5; keyid="k""#).unwrap();
        assert_eq!(input.canonical.as_deref(), Some(r#"("@method");created=5;keyid="k""#));
    }

    #[test]
    fn a_signature_is_read_with_and_without_label_colons_and_padding() {
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
        let bytes = [0xfb_u8; 64];
        let (padded, url) = (STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes));
        for header in [
            format!("sig1=:{padded}:"),
            format!("sig1={padded}"),
            padded.clone(),
            url.clone(),
            format!("sig1=:{url}:"),
            format!("sig2=:AA==:, sig1=:{padded}:"),
        ] {
            assert_eq!(parse_signature(&header, "sig1"), Some(bytes), "{header}");
        }
        assert_eq!(parse_signature(&format!("b=:{url}:"), "b"), Some(bytes));
        let (other, twice) = (format!("sig2=:{url}:"), format!("sig1=:{url}:, sig1=:{url}:"));
        for header in ["", "sig1=::", "sig2=:AA==:", "AA==", &other, &twice] {
            assert_eq!(parse_signature(header, "sig1"), None, "{header}");
        }
    }
}
