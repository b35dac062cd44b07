//! Peers: list, one peer, creating by hand or from a peer's URL, changing and deleting.
//!
//! Tokens can be set here and are never shown.

use admin_client::{AssetView, Mutation, PeerView};
use ilp_packet::Address;
use page_kit::numbers;
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
use crate::pages::tenant_filter::only_tenant;
use crate::pages::{assets, choices, peer_terms};
use crate::posted::Posted;
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Money, Page, Table, Tone, facts};

const INVALID: &str = "Invalid peer ID.";
const NOT_FOUND: &str = "Peer not found.";
const ADDRESS: &str = "The provided ILP Address is not valid.";

pub(crate) async fn load(ctx: &Ctx) -> Result<PeerView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().peer_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

/// `GET /peers`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let (admin, request) = (ctx.admin(), ctx.page_request()?);
    let tenant = ctx.of_tenant()?;
    let (found, health) = futures::join!(admin.peers_page(&request, tenant), admin.peers_health(&request, tenant));
    let (found, health) = (found?, health?);
    let empty = Empty {
        title: "No peers found.",
        text: "A peer is another institution with which this instance exchanges packets of money.",
        action: Some(Action::main("/peers/create", "Create peer")),
    };

    let now = ctx.reader.console.now();
    let rows = found.nodes.iter().map(|peer| {
        let low = assets::liquidity_tone(peer.liquidity, peer.liquidity_threshold) == Tone::Failed;
        let held = Cell::money_or(peer.liquidity, &peer.asset.code, peer.asset.scale);
        vec![
            Cell::Link {
                href: format!("/peers/{}", peer.id),
                text: peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone()),
                note: Some(peer.static_ilp_address.clone()),
            },
            Cell::text(format!("{} (Scale: {})", peer.asset.code, peer.asset.scale)),
            if low { Cell::Lines(vec![held, Cell::state("Low", Tone::Failed)]) } else { held },
            peer_terms::state(health.get(&peer.id), now),
            Cell::text(peer.http.outgoing.endpoint.clone()),
            Cell::tenant(peer.tenant.as_ref()),
        ]
    });

    let columns = ["Name", "Asset", "Liquidity>", "State", "Outgoing HTTP endpoint", "Tenant"];
    let table = Table::new("Peers", columns, empty).rows(rows).paged(ctx.paging(&found.page_info));

    Ok(Page {
        place: "peers",
        kind: "Peers",
        reads: "ConsolePeers",
        lead: Some("Institutions with which this instance exchanges packets of money."),
        actions: vec![
            Action::main("/peers/create", "Create peer"),
            Action::other("/peers/by-url", "Peer by URL"),
            Action::other(ctx.export_address("peers"), "Export CSV"),
        ],
        main: only_tenant(&ctx).into_iter().chain([Block::Table { title: None, table }]).collect(),
        ..Page::default()
    }
    .into())
}

/// The page if there is no asset for a peer.
fn needs_asset() -> Page {
    Page {
        place: "peers",
        kind: "Before You Continue",
        back: Some(("Peers", "/peers".to_owned())),
        main: vec![
            Block::Note { tone: Tone::Info, text: "You need an asset first: a peer is paid in one.".to_owned() },
            Block::Actions(vec![Action::main("/assets/create", "Create Asset"), Action::other("/peers", "Close")]),
        ],
        ..Page::default()
    }
}

/// `GET /peers/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(create_form(&ctx, None).await?.into())
}

async fn create_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let assets = choices::assets(ctx).await?;
    if assets.is_empty() {
        return Ok(needs_asset());
    }

    let form = Form::new("", "/peers/create", "Create peer")
        .fields([
            choices::asset_field(ctx, &assets),
            Field::new("name", "Name", Input::Text).help("Your name for it, for example Happy Life Bank."),
            Field::new("staticIlpAddress", "Static ILP address", Input::Text)
                .required()
                .help("Packets to addresses below it go to this peer, for example g.happy-life."),
            Field::new("outgoingEndpoint", "Outgoing HTTP endpoint", Input::Url)
                .required()
                .help("The URL of the peer's connector."),
            Field::new("outgoingAuthToken", "Outgoing auth token", Input::Password)
                .required()
                .help("What we show to the peer."),
            Field::new("incomingAuthTokens", "Incoming auth tokens", Input::Password)
                .help("What the peer shows to us. Separate several with commas."),
            Field::new("maxPacketAmount", "Max packet amount", Input::Amount(String::new()))
                .help("The largest packet accepted from it, in units of the asset."),
            Field::new("liquidityThreshold", "Liquidity threshold", Input::Amount(String::new()))
                .help("Below this amount an event reports that liquidity is low."),
            Field::new("initialLiquidity", "Initial liquidity", Input::Amount(String::new()))
                .help("Deposited at once. The peer may receive this amount before it settles."),
            Field::new("routes", "More routes", Input::Text)
                .help("Other ILP prefixes that are reached through this peer, separated by commas."),
        ])
        .cancel("/peers")
        .calls(Mutation::CreatePeer);

    Ok(Page {
        place: "peers",
        kind: "Create peer",
        back: Some(("Peers", "/peers".to_owned())),
        lead: Some("Both sides create each other. Tokens are agreed on beforehand."),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

fn words_between_commas(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn ilp_address(posted: &mut Posted, name: &'static str) -> String {
    let address = posted.required(name);
    if !address.is_empty() && address.parse::<Address>().is_err() {
        posted.refuse(name, ADDRESS);
    }
    address
}

fn endpoint(posted: &mut Posted) -> Option<String> {
    posted.required("outgoingEndpoint");
    posted.url("outgoingEndpoint")
}

/// Notes the liquidity that a new peer gets at once.
fn deposits(posted: &mut Posted, name: &'static str, asset: Option<&AssetView>, words: Reading) {
    if let Some(asset) = asset
        && let Some(value) = posted.amount(name, asset.scale, words)
    {
        posted.moves(Money::new(value, &asset.code, asset.scale));
    }
}

/// `POST /peers/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let known = choices::assets(&ctx).await?;
    let chosen = posted.id("assetId");
    let scale = choices::chosen(&known, chosen).map(|asset| asset.scale);
    if scale.is_none() {
        posted.refuse("assetId", "Invalid asset.");
    }
    let scale = scale.unwrap_or(0);

    let address = ilp_address(&mut posted, "staticIlpAddress");
    let endpoint = endpoint(&mut posted);
    let token = posted.required("outgoingAuthToken");
    let routes = words_between_commas(posted.text("routes")).into_iter().map(str::to_owned).collect::<Vec<_>>();
    if routes.iter().any(|route| route.parse::<Address>().is_err()) {
        posted.refuse("routes", ADDRESS);
    }

    let mut input = json!({
        "assetId": chosen, "staticIlpAddress": address, "idempotencyKey": posted.key(),
        "http": {"outgoing": {"authToken": token, "endpoint": endpoint}},
    });

    let incoming = words_between_commas(posted.text("incomingAuthTokens"));
    if !incoming.is_empty() {
        input["http"]["incoming"] = json!({"authTokens": incoming});
    }
    if !routes.is_empty() {
        input["routes"] = json!(routes);
    }
    if let Some(name) = posted.optional("name") {
        input["name"] = json!(name);
    }
    deposits(&mut posted, "initialLiquidity", choices::chosen(&known, chosen), ctx.words());
    for name in ["maxPacketAmount", "liquidityThreshold", "initialLiquidity"] {
        let value = posted.amount(name, scale, ctx.words());
        if value.is_some() {
            input[name] = choices::amount(value);
        }
    }

    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreatePeer, input, Value::Null).await?
    {
        let id = done["peer"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/peers/{id}/start"), "Peer created."));
    }
    Ok(Answer::refused(create_form(&ctx, Some(&posted)).await?))
}

/// `GET /peers/by-url`
pub(crate) async fn by_url_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(by_url_form(&ctx, None).await?.into())
}

async fn by_url_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let assets = choices::assets(ctx).await?;
    if assets.is_empty() {
        return Ok(needs_asset());
    }
    let form = Form::new("", "/peers/by-url", "Peer with it")
        .intro("Both sides agree on tokens by themselves. The other institution must offer this.")
        .fields([
            choices::asset_field(ctx, &assets),
            Field::new("peerUrl", "Peer URL", Input::Url).required(),
            Field::new("name", "Name", Input::Text),
            Field::new("maxPacketAmount", "Max packet amount", Input::Amount(String::new())),
            Field::new("liquidityThreshold", "Liquidity threshold", Input::Amount(String::new())),
            Field::new("liquidityToDeposit", "Liquidity to deposit", Input::Amount(String::new())),
        ])
        .cancel("/peers")
        .calls(Mutation::CreateOrUpdatePeerByUrl);
    Ok(Page {
        place: "peers",
        kind: "Peer by URL",
        back: Some(("Peers", "/peers".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /peers/by-url`
pub(crate) async fn by_url(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let known = choices::assets(&ctx).await?;
    let chosen = posted.id("assetId");
    let scale = choices::chosen(&known, chosen).map_or(0, |asset| asset.scale);
    posted.required("peerUrl");
    let url = posted.url("peerUrl");
    let mut input = json!({"assetId": chosen, "peerUrl": url, "idempotencyKey": posted.key()});
    if let Some(name) = posted.optional("name") {
        input["name"] = json!(name);
    }
    deposits(&mut posted, "liquidityToDeposit", choices::chosen(&known, chosen), ctx.words());
    for name in ["maxPacketAmount", "liquidityThreshold", "liquidityToDeposit"] {
        let value = posted.amount(name, scale, ctx.words());
        if value.is_some() {
            input[name] = choices::amount(value);
        }
    }
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreateOrUpdatePeerByUrl, input, Value::Null).await?
    {
        let id = done["peer"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/peers/{id}/start"), "Peer created."));
    }
    Ok(Answer::refused(by_url_form(&ctx, Some(&posted)).await?))
}

/// `GET /peers/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.id(INVALID)?;
    let admin = ctx.admin();
    let (peer, terms) = futures::join!(admin.peer_view(id), admin.peer_terms(id));
    let peer = peer?.ok_or(Problem::NotFound(NOT_FOUND))?;
    let mut page = draw(&ctx, &peer, None);
    if let Some(terms) = terms? {
        let blocks = peer_terms::blocks(&ctx, &peer, &terms);
        page.main.splice(1..1, blocks);
    }
    Ok(page.into())
}

fn keyword(peer: &PeerView) -> String {
    peer.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "delete peer".to_owned())
}

fn draw(ctx: &Ctx, peer: &PeerView, posted: Option<&Posted>) -> Page {
    let at = format!("/peers/{}", peer.id);
    let low = assets::liquidity_tone(peer.liquidity, peer.liquidity_threshold) == Tone::Failed;

    Page {
        place: "peers",
        kind: "Peer",
        reads: "ConsolePeer",
        name: Some(peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone())),
        back: Some(("Peers", "/peers".to_owned())),
        id: Some(peer.id.to_string()),
        state: low.then(|| Cell::state("Liquidity is low", Tone::Failed)),
        actions: vec![Action::other(format!("{at}/start"), "First steps")],
        main: vec![
            liquidity_block(peer, &at),
            Block::Form(ctx.form(general_form(peer, &at, ctx.words()), posted)),
            Block::Form(ctx.form(http_form(peer, &at), posted)),
            Block::Form(ctx.form(delete_form(peer, &at), posted)),
        ],
        side: vec![facts_block(peer)],
        ..Page::default()
    }
}

fn general_form(peer: &PeerView, at: &str, words: Reading) -> Form {
    let amount =
        |value: Option<u64>| value.map(|value| numbers::input(value, peer.asset.scale, words)).unwrap_or_default();
    let unit = || Input::Amount(peer.asset.code.clone());
    let own = peer.static_ilp_address.as_str();
    let routes: Vec<&str> = peer.routes.iter().map(String::as_str).filter(|route| *route != own).collect();

    Form::new("General", at, "Save")
        .fields([
            Field::new("name", "Name", Input::Text).value(peer.name.clone().unwrap_or_default()),
            Field::new("staticIlpAddress", "Static ILP address", Input::Text).required().value(own),
            Field::new("maxPacketAmount", "Max packet amount", unit()).value(amount(peer.max_packet_amount)),
            Field::new("liquidityThreshold", "Liquidity threshold", unit()).value(amount(peer.liquidity_threshold)),
            Field::new("routes", "More routes", Input::Text)
                .value(routes.join(", "))
                .help("Other ILP prefixes that are reached through this peer, separated by commas."),
        ])
        .calls(Mutation::UpdatePeer)
}

fn http_form(peer: &PeerView, at: &str) -> Form {
    Form::new("HTTP", format!("{at}/http"), "Save")
        .fields([
            Field::new("incomingAuthTokens", "Incoming auth tokens", Input::Password)
                .help("Separate several with commas. Leave empty to keep the present ones."),
            Field::new("outgoingAuthToken", "Outgoing auth token", Input::Password)
                .help("Leave empty to keep the present one."),
            Field::new("outgoingEndpoint", "Outgoing HTTP endpoint", Input::Url)
                .required()
                .value(peer.http.outgoing.endpoint.clone()),
        ])
        .calls(Mutation::UpdatePeer)
}

fn delete_form(peer: &PeerView, at: &str) -> Form {
    Form::new("Delete peer", format!("{at}/delete"), "Delete peer")
        .intro("Please note that this action is not reversible.")
        .danger(keyword(peer))
        .calls(Mutation::DeletePeer)
}

fn liquidity_block(peer: &PeerView, at: &str) -> Block {
    Block::Facts {
        title: "Liquidity",
        facts: facts([("Liquidity", Cell::money_or(peer.liquidity, &peer.asset.code, peer.asset.scale))]),
        actions: vec![
            Action::main(format!("{at}/deposit-liquidity"), "Deposit"),
            Action::other(format!("{at}/withdraw-liquidity"), "Withdraw"),
        ],
    }
}

fn facts_block(peer: &PeerView) -> Block {
    let asset = &peer.asset;
    let about = facts([
        ("ILP address", Cell::code(peer.static_ilp_address.as_str())),
        ("Asset", Cell::link(format!("/assets/{}", asset.id), format!("{} / {}", asset.code, asset.scale))),
        ("Created", Cell::Time(peer.created_at)),
        ("Tenant", Cell::tenant(peer.tenant.as_ref())),
        ("Account", Cell::WordLink { href: format!("/ledger/{}", peer.id), word: "Open in the ledger" }),
    ]);
    Block::Facts { title: "Facts", facts: about, actions: Vec::new() }
}

/// `POST /peers/{id}`
pub(crate) async fn update(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let peer = load(&ctx).await?;
    let scale = peer.asset.scale;
    let address = ilp_address(&mut posted, "staticIlpAddress");
    let packet = posted.amount("maxPacketAmount", scale, ctx.words());
    let threshold = posted.amount("liquidityThreshold", scale, ctx.words());
    let routes: Vec<String> = words_between_commas(posted.text("routes")).into_iter().map(str::to_owned).collect();
    if routes.iter().any(|route| route.parse::<Address>().is_err()) {
        posted.refuse("routes", ADDRESS);
    }
    let input = json!({
        "id": peer.id, "name": posted.or_null("name"), "staticIlpAddress": address,
        "maxPacketAmount": choices::amount(packet), "liquidityThreshold": choices::amount(threshold),
        "routes": routes, "idempotencyKey": posted.key(),
    });
    let before = json!({
        "name": peer.name, "staticIlpAddress": peer.static_ilp_address,
        "maxPacketAmount": choices::amount(peer.max_packet_amount),
        "liquidityThreshold": choices::amount(peer.liquidity_threshold), "routes": peer.routes,
    });
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdatePeer, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "Peer information was updated."));
    }
    Ok(Answer::refused(draw(&ctx, &peer, Some(&posted))))
}

/// `POST /peers/{id}/http`
pub(crate) async fn update_http(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let peer = load(&ctx).await?;
    let endpoint = endpoint(&mut posted);
    let token = match posted.optional("outgoingAuthToken") {
        Some(token) => Some(token.to_owned()),
        None => ctx.admin().peer_outgoing_token(peer.id).await?,
    };
    let mut http = json!({"outgoing": {"authToken": token, "endpoint": endpoint}});
    let incoming = words_between_commas(posted.text("incomingAuthTokens"));
    if !incoming.is_empty() {
        http["incoming"] = json!({"authTokens": incoming});
    }
    let input = json!({"id": peer.id, "http": http, "idempotencyKey": posted.key()});
    let before = json!({"endpoint": peer.http.outgoing.endpoint});
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdatePeer, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "Peer information was updated."));
    }
    Ok(Answer::refused(draw(&ctx, &peer, Some(&posted))))
}

/// `POST /peers/{id}/delete`
pub(crate) async fn delete(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let peer = load(&ctx).await?;
    posted.confirm(keyword(&peer).trim());
    let input = json!({"id": peer.id, "idempotencyKey": posted.key()});
    let before = json!({"name": peer.name, "staticIlpAddress": peer.static_ilp_address});
    if posted.is_good() && ctx.change(&mut posted, Mutation::DeletePeer, input, before).await?.is_some() {
        return Ok(ctx.done("/peers", "Peer was deleted."));
    }
    Ok(Answer::refused(draw(&ctx, &peer, Some(&posted))))
}
