//! Hostile input for listeners.
//! What a listener must answer is in the tests of the listeners.

/// Replacements for a part of a path or a query, each with whether it must be refused as a bad request.
pub fn hostile_segments() -> Vec<(String, bool)> {
    vec![
        ("%00".into(), true),
        ("a%00b".into(), true),
        ("%0d%0aX:%20y".into(), true),
        ("%FF%FE".into(), true),
        ("%ED%A0%80".into(), true),
        ("a".repeat(9000), true),
        ("a".repeat(3000), false),
        ("%E2%80%AE%F0%9F%98%80".into(), false),
        ("..%2f..%2f".into(), false),
        ("%".into(), false),
        ("'%20OR%201=1;--".into(), false),
    ]
}
