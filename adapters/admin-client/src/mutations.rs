//! Every mutation of the Admin APIs by name, for a caller that fills its input from a form.
//!
//! Other programs use the typed operations beside this file. Only a console has a form for each mutation.

use admin_signature::Audience;
use serde_json::{Value, json};

use crate::AdminError;
use crate::client::AdminClient;

macro_rules! mutations {
    ($($name:ident = $document:literal at $path:literal;)*) => {
        /// A mutation of the Admin API of the backend, or of the authorization server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutation {
            $(#[doc = concat!("`", $path, "`")] $name,)*
        }

        impl Mutation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text that is sent.
            pub const fn document(self) -> &'static str {
                match self { $(Self::$name => $document,)* }
            }

            /// The field of the schema.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }
        }
    };
}

mutations! {
    CreateAsset = "mutation CreateAsset($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }" at "createAsset";
    UpdateAsset = "mutation UpdateAsset($input: UpdateAssetInput!) { updateAsset(input: $input) { asset { id } } }" at "updateAsset";
    DeleteAsset = "mutation DeleteAsset($input: DeleteAssetInput!) { deleteAsset(input: $input) { asset { id } } }" at "deleteAsset";
    FetchExchangeRates = "mutation FetchExchangeRates($input: FetchExchangeRatesInput!) { fetchExchangeRates(input: $input) { source count table { base since } } }" at "fetchExchangeRates";
    SetFee = "mutation SetFee($input: SetFeeInput!) { setFee(input: $input) { fee { id } } }" at "setFee";
    DepositAssetLiquidity = "mutation DepositAssetLiquidity($input: DepositAssetLiquidityInput!) { depositAssetLiquidity(input: $input) { success } }" at "depositAssetLiquidity";
    CreateAssetLiquidityWithdrawal = "mutation CreateAssetLiquidityWithdrawal($input: CreateAssetLiquidityWithdrawalInput!) { createAssetLiquidityWithdrawal(input: $input) { success } }" at "createAssetLiquidityWithdrawal";
    CreatePeer = "mutation CreatePeer($input: CreatePeerInput!) { createPeer(input: $input) { peer { id } } }" at "createPeer";
    CreateOrUpdatePeerByUrl = "mutation CreateOrUpdatePeerByUrl($input: CreateOrUpdatePeerByUrlInput!) { createOrUpdatePeerByUrl(input: $input) { peer { id } } }" at "createOrUpdatePeerByUrl";
    UpdatePeer = "mutation UpdatePeer($input: UpdatePeerInput!) { updatePeer(input: $input) { peer { id } } }" at "updatePeer";
    DeletePeer = "mutation DeletePeer($input: DeletePeerInput!) { deletePeer(input: $input) { success } }" at "deletePeer";
    AddPeerIncomingToken = "mutation AddPeerIncomingToken($input: AddPeerIncomingTokenInput!) { addPeerIncomingToken(input: $input) { authToken } }" at "addPeerIncomingToken";
    RemovePeerIncomingToken = "mutation RemovePeerIncomingToken($input: RemovePeerIncomingTokenInput!) { removePeerIncomingToken(input: $input) { peer { id } } }" at "removePeerIncomingToken";
    ReplacePeerOutgoingToken = "mutation ReplacePeerOutgoingToken($input: ReplacePeerOutgoingTokenInput!) { replacePeerOutgoingToken(input: $input) { authToken } }" at "replacePeerOutgoingToken";
    SetPeerTls = "mutation SetPeerTls($input: SetPeerTlsInput!) { setPeerTls(input: $input) { peer { id } } }" at "setPeerTls";
    DepositPeerLiquidity = "mutation DepositPeerLiquidity($input: DepositPeerLiquidityInput!) { depositPeerLiquidity(input: $input) { success } }" at "depositPeerLiquidity";
    CreatePeerLiquidityWithdrawal = "mutation CreatePeerLiquidityWithdrawal($input: CreatePeerLiquidityWithdrawalInput!) { createPeerLiquidityWithdrawal(input: $input) { success } }" at "createPeerLiquidityWithdrawal";
    PostLiquidityWithdrawal = "mutation PostLiquidityWithdrawal($input: PostLiquidityWithdrawalInput!) { postLiquidityWithdrawal(input: $input) { success } }" at "postLiquidityWithdrawal";
    VoidLiquidityWithdrawal = "mutation VoidLiquidityWithdrawal($input: VoidLiquidityWithdrawalInput!) { voidLiquidityWithdrawal(input: $input) { success } }" at "voidLiquidityWithdrawal";
    CreateWalletAddress = "mutation CreateWalletAddress($input: CreateWalletAddressInput!) { createWalletAddress(input: $input) { walletAddress { id } } }" at "createWalletAddress";
    UpdateWalletAddress = "mutation UpdateWalletAddress($input: UpdateWalletAddressInput!) { updateWalletAddress(input: $input) { walletAddress { id } } }" at "updateWalletAddress";
    CreateWalletAddressKey = "mutation CreateWalletAddressKey($input: CreateWalletAddressKeyInput!) { createWalletAddressKey(input: $input) { walletAddressKey { id } } }" at "createWalletAddressKey";
    RevokeWalletAddressKey = "mutation RevokeWalletAddressKey($input: RevokeWalletAddressKeyInput!) { revokeWalletAddressKey(input: $input) { walletAddressKey { id } } }" at "revokeWalletAddressKey";
    CreateWalletAddressWithdrawal = "mutation CreateWalletAddressWithdrawal($input: CreateWalletAddressWithdrawalInput!) { createWalletAddressWithdrawal(input: $input) { withdrawal { id } } }" at "createWalletAddressWithdrawal";
    TriggerWalletAddressEvents = "mutation TriggerWalletAddressEvents($input: TriggerWalletAddressEventsInput!) { triggerWalletAddressEvents(input: $input) { count } }" at "triggerWalletAddressEvents";
    CreateTenantSettings = "mutation CreateTenantSettings($input: CreateTenantSettingsInput!) { createTenantSettings(input: $input) { settings { key } } }" at "createTenantSettings";
    CreateTenant = "mutation CreateTenant($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id } } }" at "createTenant";
    UpdateTenant = "mutation UpdateTenant($input: UpdateTenantInput!) { updateTenant(input: $input) { tenant { id } } }" at "updateTenant";
    DeleteTenant = "mutation DeleteTenant($id: String!) { deleteTenant(id: $id) { success } }" at "deleteTenant";
    CreateIncomingPayment = "mutation CreateIncomingPayment($input: CreateIncomingPaymentInput!) { createIncomingPayment(input: $input) { payment { id } } }" at "createIncomingPayment";
    UpdateIncomingPayment = "mutation UpdateIncomingPayment($input: UpdateIncomingPaymentInput!) { updateIncomingPayment(input: $input) { payment { id } } }" at "updateIncomingPayment";
    ApproveIncomingPayment = "mutation ApproveIncomingPayment($input: ApproveIncomingPaymentInput!) { approveIncomingPayment(input: $input) { payment { id } } }" at "approveIncomingPayment";
    CancelIncomingPayment = "mutation CancelIncomingPayment($input: CancelIncomingPaymentInput!) { cancelIncomingPayment(input: $input) { payment { id } } }" at "cancelIncomingPayment";
    CreateIncomingPaymentWithdrawal = "mutation CreateIncomingPaymentWithdrawal($input: CreateIncomingPaymentWithdrawalInput!) { createIncomingPaymentWithdrawal(input: $input) { success } }" at "createIncomingPaymentWithdrawal";
    ConfirmPartialIncomingPayment = "mutation ConfirmPartialIncomingPayment($input: ConfirmPartialIncomingPaymentInput!) { confirmPartialIncomingPayment(input: $input) { success } }" at "confirmPartialIncomingPayment";
    RejectPartialIncomingPayment = "mutation RejectPartialIncomingPayment($input: RejectPartialIncomingPaymentInput!) { rejectPartialIncomingPayment(input: $input) { success } }" at "rejectPartialIncomingPayment";
    CreateReceiver = "mutation CreateReceiver($input: CreateReceiverInput!) { createReceiver(input: $input) { receiver { id } } }" at "createReceiver";
    CompleteReceiver = "mutation CompleteReceiver($input: CompleteReceiverInput!) { completeReceiver(input: $input) { receiver { id } } }" at "completeReceiver";
    CreateQuote = "mutation CreateQuote($input: CreateQuoteInput!) { createQuote(input: $input) { quote { id } } }" at "createQuote";
    CreateOutgoingPayment = "mutation CreateOutgoingPayment($input: CreateOutgoingPaymentInput!) { createOutgoingPayment(input: $input) { payment { id } } }" at "createOutgoingPayment";
    CreateOutgoingPaymentFromIncomingPayment = "mutation CreateOutgoingPaymentFromIncomingPayment($input: CreateOutgoingPaymentFromIncomingPaymentInput!) { createOutgoingPaymentFromIncomingPayment(input: $input) { payment { id } } }" at "createOutgoingPaymentFromIncomingPayment";
    CancelOutgoingPayment = "mutation CancelOutgoingPayment($input: CancelOutgoingPaymentInput!) { cancelOutgoingPayment(input: $input) { payment { id } } }" at "cancelOutgoingPayment";
    DepositOutgoingPaymentLiquidity = "mutation DepositOutgoingPaymentLiquidity($input: DepositOutgoingPaymentLiquidityInput!) { depositOutgoingPaymentLiquidity(input: $input) { success } }" at "depositOutgoingPaymentLiquidity";
    CreateOutgoingPaymentWithdrawal = "mutation CreateOutgoingPaymentWithdrawal($input: CreateOutgoingPaymentWithdrawalInput!) { createOutgoingPaymentWithdrawal(input: $input) { success } }" at "createOutgoingPaymentWithdrawal";
    CreateWebhookEndpoint = "mutation CreateWebhookEndpoint($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { webhookEndpoint { id } secret } }" at "createWebhookEndpoint";
    UpdateWebhookEndpoint = "mutation UpdateWebhookEndpoint($input: UpdateWebhookEndpointInput!) { updateWebhookEndpoint(input: $input) { webhookEndpoint { id } } }" at "updateWebhookEndpoint";
    DeleteWebhookEndpoint = "mutation DeleteWebhookEndpoint($input: DeleteWebhookEndpointInput!) { deleteWebhookEndpoint(input: $input) { success } }" at "deleteWebhookEndpoint";
    RotateWebhookEndpointSecret = "mutation RotateWebhookEndpointSecret($input: RotateWebhookEndpointSecretInput!) { rotateWebhookEndpointSecret(input: $input) { webhookEndpoint { id } secret } }" at "rotateWebhookEndpointSecret";
    PauseWebhookEndpoints = "mutation PauseWebhookEndpoints($input: PauseWebhookEndpointsInput!) { pauseWebhookEndpoints(input: $input) { webhookEndpoints { id } } }" at "pauseWebhookEndpoints";
    ResumeWebhookEndpoints = "mutation ResumeWebhookEndpoints($input: ResumeWebhookEndpointsInput!) { resumeWebhookEndpoints(input: $input) { webhookEndpoints { id } } }" at "resumeWebhookEndpoints";
    TestWebhookEndpoint = "mutation TestWebhookEndpoint($input: TestWebhookEndpointInput!) { testWebhookEndpoint(input: $input) { attempt { number beganAt durationMs statusCode body error } } }" at "testWebhookEndpoint";
    ResendWebhookEvents = "mutation ResendWebhookEvents($input: ResendWebhookEventsInput!) { resendWebhookEvents(input: $input) { count hasMore } }" at "resendWebhookEvents";
    RevokeGrant = "mutation RevokeGrant($input: RevokeGrantInput!) { revokeGrant(input: $input) { id } }" at "revokeGrant";
}

impl Mutation {
    /// The API that has it.
    pub fn audience(self) -> Audience {
        match self {
            Self::RevokeGrant => Audience::Auth,
            _ => Audience::Backend,
        }
    }

    /// The variables for an input. A member that is `null` clears a field.
    pub fn variables(self, input: Value) -> Value {
        match self {
            Self::DeleteTenant => input,
            _ => json!({"input": input}),
        }
    }
}

impl AdminClient {
    /// Runs `mutation` and returns the value of its field.
    pub async fn change(&self, mutation: Mutation, input: Value) -> Result<Value, AdminError> {
        self.run(mutation.document(), mutation.variables(input), &format!("/{}", mutation.field())).await
    }
}
