//! Violations of purity that the check must find. They are not part of a usual build.
//! The crates that must be pure are listed in `main`.

#[cfg(feature = "offence-clock")]
#[expect(clippy::disallowed_methods, reason = "the offence itself")]
pub(crate) fn commit() -> u64 {
    std::time::Instant::now().elapsed().as_secs()
}

#[cfg(feature = "offence-socket")]
pub(crate) fn commit() -> bool {
    std::net::TcpStream::connect(("127.0.0.1", 1)).is_ok()
}

#[cfg(all(feature = "offence-import", target_arch = "wasm32"))]
mod host {
    #[link(wasm_import_module = "env")]
    #[expect(unsafe_code, reason = "the offence itself")]
    unsafe extern "C" {
        pub(crate) safe fn random() -> f64;
    }
}

#[cfg(all(feature = "offence-import", target_arch = "wasm32"))]
pub(crate) fn commit() -> f64 {
    host::random()
}
