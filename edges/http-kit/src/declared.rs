//! Routes with their declared authentication. `cargo xtask lint` refuses routes that are added without one.
//!
//! It checks nothing itself: the proofs are checked where they arrive. `docs/routes.md` is made of these declarations, and
//! a test of the binary calls every route that it lists.

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: whether the process works, without details.
    Health,
    /// Everybody: the page, the data or the description is public.
    Public,
    /// A client of Open Payments, by the signature of its key, and by its token where one is needed.
    Client,
    /// The browser of an owner, by an unguessable address and a cookie.
    Owner,
    /// The identity provider of a tenant, by its secret, or a service that acts for it, by a token or its certificate.
    IdentityProvider,
    /// A service, by the shared secret, by a token or by its certificate.
    Service,
    /// A tenant, by the signature of its secret, or a service that acts for it, by a token or its certificate.
    Tenant,
    /// The operator, by the signature of its secret, or a service that acts for it, by a token or its certificate.
    Operator,
    /// The backend that sends events, by their signature, by a token or by its certificate.
    Events,
    /// A client of the built-in issuer, by its id and its secret or certificate.
    IssuerClient,
    /// A peer, by its token.
    Peer,
    /// Another node, which may ask to become a peer as often as the limits allow.
    Node,
    /// A point of sale, by the signature of its institution.
    PointOfSale,
    /// A terminal, by the signature of its key.
    Terminal,
    /// A person, by a session of the console.
    Session,
    /// Programs on the operator's own machines, by the private address alone.
    Machine,
}

/// Adds routes with their declared authentication.
pub trait Declared<S> {
    /// A route for those callers.
    fn declare(self, path: &str, access: Access, handler: MethodRouter<S>) -> Self;

    /// All paths that no other route has. `paths` describes them for the page of routes.
    fn declare_rest<H, T>(self, paths: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static;
}

impl<S: Clone + Send + Sync + 'static> Declared<S> for Router<S> {
    fn declare(self, path: &str, _access: Access, handler: MethodRouter<S>) -> Self {
        self.route(path, handler)
    }

    fn declare_rest<H, T>(self, _paths: &str, _access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.fallback(handler)
    }
}
