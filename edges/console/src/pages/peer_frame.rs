//! What the pages about one peer have in common: the peer with its terms, and the frame around a form.
//!
//! The pages are in `peer_terms` and `peer_certificates`.

use admin_client::{PeerTermsView, PeerView};

use crate::context::{Ctx, Problem};
use crate::view::{Block, Page};

pub(super) const NOT_FOUND: &str = "Peer not found.";

pub(super) async fn load(ctx: &Ctx) -> Result<(PeerView, PeerTermsView), Problem> {
    let id = ctx.id("Invalid peer ID.")?;
    let admin = ctx.admin();
    let (peer, terms) = futures::join!(admin.peer_view(id), admin.peer_terms(id));
    let peer = peer?.ok_or(Problem::NotFound(NOT_FOUND))?;
    let terms = terms?.ok_or(Problem::NotFound("This instance keeps no limits and single tokens of peers."))?;
    Ok((peer, terms))
}

pub(super) fn framed(kind: &'static str, peer: &PeerView, main: Vec<Block>) -> Page {
    Page {
        place: "peers",
        kind,
        name: Some(peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone())),
        back: Some(("Peer", format!("/peers/{}", peer.id))),
        main,
        ..Page::default()
    }
}
