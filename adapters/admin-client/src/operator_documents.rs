//! The documents of an operator's console, as plain texts.
//!
//! Checked against the published schema by `tests/schema.rs`. None asks for a secret.

macro_rules! documents {
    ($($name:ident = $text:expr;)*) => {
        $(pub(crate) const $name: &str = $text;)*
        /// Every document that a console reads with.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

macro_rules! documents_of_grants {
    ($($name:ident = $text:expr;)*) => {
        $(pub(crate) const $name: &str = $text;)*
        /// Every document that a console sends to the authorization server.
        pub const GRANT_DOCUMENTS: &[&str] = &[$($name),*];
    };
}

/// A list with the arguments that every list has.
macro_rules! list {
    ($name:literal, $field:literal, $more:literal, $given:literal, $node:literal) => {
        concat!(
            "query ",
            $name,
            "($after: String, $before: String, $first: Int, $last: Int, $sortOrder: SortOrder",
            $more,
            ") {\n  ",
            $field,
            "(after: $after, before: $before, first: $first, last: $last, sortOrder: $sortOrder",
            $given,
            ") {\n    edges { node { ",
            $node,
            " } }\n    pageInfo { startCursor endCursor hasNextPage hasPreviousPage }\n  }\n}"
        )
    };
}

documents! {
    TENANT = "query ConsoleTenant($id: String!) {
  tenant(id: $id) { id publicName email idpConsentUrl createdAt deletedAt settings { key value } }
}";
    TENANTS = list!("ConsoleTenants", "tenants", "", "", "id publicName email createdAt deletedAt");
    ASSETS = list!(
        "ConsoleAssets", "assets", ", $tenantId: String", ", tenantId: $tenantId",
        "id code scale liquidity withdrawalThreshold liquidityThreshold createdAt tenant { id publicName }
      sendingFee { fixed basisPoints } receivingFee { fixed basisPoints }"
    );
    ASSET = "query ConsoleAsset($id: String!) {
  asset(id: $id) {
    id code scale liquidity withdrawalThreshold liquidityThreshold createdAt tenant { id publicName }
    sendingFee { fixed basisPoints } receivingFee { fixed basisPoints }
  }
}";
    FEES = "query ConsoleFees($id: String!, $after: String, $before: String, $first: Int, $last: Int, $sortOrder: SortOrder) {
  asset(id: $id) {
    fees(after: $after, before: $before, first: $first, last: $last, sortOrder: $sortOrder) {
      edges { node { id type fixed basisPoints createdAt } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    }
  }
}";
    PEERS = list!(
        "ConsolePeers", "peers", ", $tenantId: ID", ", tenantId: $tenantId",
        "id name staticIlpAddress liquidity liquidityThreshold createdAt
      http { outgoing { endpoint } } asset { id code scale } tenant { id publicName }"
    );
    PEER = "query ConsolePeer($id: String!) {
  peer(id: $id) {
    id name staticIlpAddress maxPacketAmount liquidity liquidityThreshold routes createdAt
    http { outgoing { endpoint } } asset { id code scale withdrawalThreshold } tenant { id publicName }
  }
}";
    EXCHANGE_RATES = "query ConsoleExchangeRates($tenantId: String) {
  exchangeRates(tenantId: $tenantId) { source tables { base since until rates { assetCode rate } } }
}";
    CONVERTED_AMOUNT = "query ConsoleConvertedAmount($source: String!, $destination: String!, $amount: UInt64!) {
  convertedAmount(sourceAssetId: $source, destinationAssetId: $destination, amount: $amount) { value assetCode assetScale }
}";
    PEER_TERMS = "query ConsolePeerTerms($id: String!) {
  peer(id: $id) {
    incomingTokens { id expiresAt } outgoingTokens { id expiresAt } packetsPerSecond packetBurst weight
    incomingThroughput { amount seconds } outgoingThroughput { amount seconds }
    health { state since lastSuccessAt lastErrorAt lastError interruptions certificateExpiresAt }
    tls { subject expiresAt authorities }
  }
}";
    PEERS_HEALTH = list!(
        "ConsolePeersHealth", "peers", ", $tenantId: ID", ", tenantId: $tenantId",
        "id health { state since lastSuccessAt lastErrorAt lastError interruptions certificateExpiresAt }"
    );
    WALLET_ADDRESSES = list!(
        "ConsoleWalletAddresses", "walletAddresses", ", $tenantId: String", ", tenantId: $tenantId",
        "id address publicName status createdAt asset { id code scale } tenant { id publicName }"
    );
    WALLET_ADDRESS = "query ConsoleWalletAddress($id: String!) {
  walletAddress(id: $id) {
    id address publicName status liquidity createdAt
    asset { id code scale withdrawalThreshold } tenant { id publicName }
    additionalProperties { key value visibleInOpenPayments }
    walletAddressKeys(first: 100) { edges { node { id revoked createdAt jwk { kid x } } } }
  }
}";
    PAYMENTS = list!(
        "ConsolePayments", "payments", ", $filter: PaymentFilter, $tenantId: String", ", filter: $filter, tenantId: $tenantId",
        "id type state walletAddressId metadata createdAt amount { value assetCode assetScale } tenant { id publicName }"
    );
    PAYMENTS_WITHOUT_AMOUNT = list!(
        "ConsolePaymentsWithoutAmount", "payments", ", $filter: PaymentFilter, $tenantId: String",
        ", filter: $filter, tenantId: $tenantId",
        "id type state walletAddressId metadata createdAt tenant { id publicName }"
    );
    PAYMENT_STATES = list!("ConsolePaymentStates", "payments", "", "", "id state");
    OUTGOING_PAYMENT_STATE = "query ConsoleOutgoingPaymentState($id: String!) {
  outgoingPayment(id: $id) { state liquidity error stateAttempts metadata sentAmount { value } }
}";
    INCOMING_PAYMENT_STATE = "query ConsoleIncomingPaymentState($id: String!) {
  incomingPayment(id: $id) { state liquidity metadata cancelledAt receivedAmount { value } }
}";
    LIQUIDITY = "query ConsoleLiquidity {
  assets(first: 100) { edges { node { id liquidity liquidityThreshold } } }
  peers(first: 100) { edges { node { id liquidity liquidityThreshold } } }
}";
    HELD = "query ConsoleHeld($tenantId: String) {
  payments(first: 100, tenantId: $tenantId) { edges { node {
    id type state walletAddressId metadata createdAt liquidity amount { value assetCode assetScale }
  } } }
}";
    INCOMING_PAYMENTS = list!(
        "ConsoleIncomingPayments", "incomingPayments", ", $tenantId: String", ", tenantId: $tenantId",
        "id state walletAddressId metadata createdAt tenant { id publicName }"
    );
    OUTGOING_PAYMENTS = list!(
        "ConsoleOutgoingPayments", "outgoingPayments", ", $tenantId: String", ", tenantId: $tenantId",
        "id state walletAddressId metadata createdAt tenant { id publicName }"
    );
    INCOMING_PAYMENT = "query ConsoleIncomingPayment($id: String!) {
  incomingPayment(id: $id) {
    id url walletAddressId client state liquidity expiresAt metadata createdAt senderWalletAddress
    cancellationReason cancelledAt tenant { id publicName }
    incomingAmount { value assetCode assetScale }
    receivedAmount { value assetCode assetScale }
  }
}";
    OUTGOING_PAYMENT = "query ConsoleOutgoingPayment($id: String!) {
  outgoingPayment(id: $id) {
    id walletAddressId client state liquidity error stateAttempts receiver metadata createdAt grantId
    tenant { id publicName }
    debitAmount { value assetCode assetScale }
    receiveAmount { value assetCode assetScale }
    sentAmount { value assetCode assetScale }
    quote {
      id receiver createdAt expiresAt
      debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale }
    }
  }
}";
    PAYMENT_COURSE = "query ConsolePaymentCourse($id: String!) {
  outgoingPayment(id: $id) {
    quote {
      feeAmount { value assetCode assetScale } fee { fixed basisPoints }
      slippageMargin { value assetCode assetScale } foundRate leastRate
    }
    delivery {
      deliveredAmount { value assetCode assetScale }
      rejected { code count } stretches { from fulfilled rejected debited delivered }
    }
  }
}";
    QUOTE = "query ConsoleQuote($id: String!) {
  quote(id: $id) {
    id walletAddressId receiver createdAt expiresAt
    debitAmount { value assetCode assetScale }
    receiveAmount { value assetCode assetScale }
  }
}";
    WEBHOOK_EVENTS = list!(
        "ConsoleWebhookEvents", "webhookEvents", ", $filter: WebhookEventFilter, $tenantId: String",
        ", filter: $filter, tenantId: $tenantId", "id type data createdAt tenant { id publicName }"
    );
    ACCOUNT = "query ConsoleAccount($id: String!, $limit: Int) {
  accountingTransfers(id: $id, limit: $limit) {
    debits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
    credits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
  }
}";
    LATEST_TRANSFERS = "query ConsoleLatestTransfers($accounts: [String!]!, $limit: Int!) {
  latestTransfers(accountIds: $accounts, limit: $limit) {
    debits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
    credits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
  }
}";
    ACCOUNTS = "query ConsoleAccounts(
  $limit: Int, $a: String!, $aWanted: Boolean!, $b: String!, $bWanted: Boolean!, $c: String!, $cWanted: Boolean!,
  $d: String!, $dWanted: Boolean!, $e: String!, $eWanted: Boolean!, $f: String!, $fWanted: Boolean!,
  $g: String!, $gWanted: Boolean!, $h: String!, $hWanted: Boolean!
) {
  a: accountingTransfers(id: $a, limit: $limit) @include(if: $aWanted) { ...Both }
  b: accountingTransfers(id: $b, limit: $limit) @include(if: $bWanted) { ...Both }
  c: accountingTransfers(id: $c, limit: $limit) @include(if: $cWanted) { ...Both }
  d: accountingTransfers(id: $d, limit: $limit) @include(if: $dWanted) { ...Both }
  e: accountingTransfers(id: $e, limit: $limit) @include(if: $eWanted) { ...Both }
  f: accountingTransfers(id: $f, limit: $limit) @include(if: $fWanted) { ...Both }
  g: accountingTransfers(id: $g, limit: $limit) @include(if: $gWanted) { ...Both }
  h: accountingTransfers(id: $h, limit: $limit) @include(if: $hWanted) { ...Both }
}
fragment Both on AccountingTransferConnection {
  debits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
  credits { id debitAccountId creditAccountId amount transferType state createdAt expiresAt }
}";
    OVERVIEW = "query ConsoleOverview {
  payments(first: 100) {
    edges { node {
      id type state walletAddressId createdAt amount { value assetCode assetScale } tenant { id publicName }
    } }
  }
  assets(first: 100) { edges { node { id code scale liquidity liquidityThreshold } } }
  peers(first: 100) {
    edges { node {
      id name staticIlpAddress liquidity liquidityThreshold createdAt http { outgoing { endpoint } } asset { id code scale }
      health { state since lastSuccessAt lastErrorAt lastError interruptions certificateExpiresAt }
    } }
  }
  open: webhookDeliveries(first: 100, filter: { states: [PENDING, QUARANTINED, EXHAUSTED] }) { edges { node { state } } }
  alarms: webhookEvents(first: 100, filter: { type: { in: [\"ledger.alarm\"] } }) { edges { node { createdAt } } }
  exchangeRates { source tables { since until } }
}";
    SEARCH = "query ConsoleSearch {
  walletAddresses(first: 100) { edges { node { id address publicName status createdAt asset { id code scale } } } }
  peers(first: 100) {
    edges { node { id name staticIlpAddress createdAt http { outgoing { endpoint } } asset { id code scale } } }
  }
  assets(first: 100) { edges { node { id code scale } } }
  payments(first: 100) { edges { node { id type state walletAddressId metadata createdAt } } }
  webhookEvents(first: 100) { edges { node { id type data createdAt } } }
}";
    SPENDING = list!(
        "ConsoleSpending", "outgoingPayments", ", $filter: OutgoingPaymentFilter", ", filter: $filter",
        "id state grantId createdAt debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale } sentAmount { value assetCode assetScale }
      spentDebitAmount { value assetCode assetScale } spentReceiveAmount { value assetCode assetScale }"
    );
    SPENDING_OF_PAYMENT = "query SpendingOfPayment($id: String!) {
  outgoingPayment(id: $id) {
    spentDebitAmount { value assetCode assetScale } spentReceiveAmount { value assetCode assetScale }
  }
}";
    SPENDING_BY_QUOTES = list!(
        "ConsoleSpendingByQuotes", "outgoingPayments", ", $filter: OutgoingPaymentFilter", ", filter: $filter",
        "id state grantId createdAt debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale } sentAmount { value assetCode assetScale }"
    );
    WEBHOOK_DELIVERIES = list!(
        "ConsoleWebhookDeliveries", "webhookDeliveries", ", $filter: WebhookDeliveryFilter, $tenantId: String",
        ", filter: $filter, tenantId: $tenantId",
        "id eventId recipient tenantId endpointId state attempts statusCode reason nextAttemptAt createdAt updatedAt
      event { id type data createdAt tenant { id publicName } }"
    );
    WEBHOOK_DELIVERY = "query ConsoleWebhookDelivery($id: String!) {
  webhookDelivery(id: $id) {
    id eventId recipient tenantId endpointId state attempts statusCode reason nextAttemptAt createdAt updatedAt
    event { id type data createdAt tenant { id publicName } }
    history { number beganAt durationMs statusCode body error }
  }
}";
    WEBHOOK_DELIVERY_STATE = "query ConsoleWebhookDeliveryState($id: String!) {
  webhookDelivery(id: $id) { state attempts updatedAt }
}";
    WEBHOOK_DELIVERY_STATES = list!("ConsoleWebhookDeliveryStates", "webhookDeliveries", "", "", "id state attempts");
    WEBHOOK_EVENT_IDS = list!("ConsoleWebhookEventIds", "webhookEvents", "", "", "id");
    WEBHOOK_ENDPOINTS = "query ConsoleWebhookEndpoints($tenantId: String) {
  webhookEndpoints(tenantId: $tenantId) {
    id tenantId isDefault url eventTypes hasOwnSecret previousSecretUntil pausedSince waitingDeliveries createdAt
  }
}";
}

documents_of_grants! {
    GRANTS = list!(
        "ConsoleGrants", "grants", ", $filter: GrantFilter, $tenantId: ID", ", filter: $filter, tenantId: $tenantId",
        "id client state finalizationReason createdAt tenantId
      access { identifier type actions limits { receiver interval debitAmount { value assetCode assetScale }
        receiveAmount { value assetCode assetScale } } }"
    );
    GRANT = "query ConsoleGrant($id: ID!) {
  grant(id: $id) {
    id client state finalizationReason createdAt tenantId subject { sub_ids { subId } }
    access { identifier type actions limits { receiver interval debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale } } }
  }
}";
    GRANT_TOKENS = "query ConsoleGrantTokens($id: ID!) {
  grant(id: $id) { tokens { good lastEndsAt } }
}";
}

/// The text of the query of a console with this name.
pub fn query_named(name: &str) -> Option<&'static str> {
    let begins = |document: &&&'static str| {
        let rest = document.strip_prefix("query ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', ' ']))
    };
    ALL.iter().chain(GRANT_DOCUMENTS).find(begins).copied()
}
