//! The documents sent, as plain texts.
//!
//! Checked against the published schema by `tests/schema.rs`.

macro_rules! documents {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: &str = $text;)*
        /// Every document of this client.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

documents! {
    WHOAMI = "query Whoami { whoami { id isOperator } }";

    ASSET_BY_CODE_AND_SCALE = "query AssetByCodeAndScale($code: String!, $scale: UInt8!) {
  assetByCodeAndScale(code: $code, scale: $scale) { id code scale liquidity sendingFee { fixed basisPoints } }
}";
    ASSETS = "query Assets($after: String) {
  assets(first: 100, after: $after) {
    edges { node { id code scale liquidity sendingFee { fixed basisPoints } } }
    pageInfo { hasNextPage endCursor }
  }
}";
    CREATE_ASSET = "mutation CreateAsset($input: CreateAssetInput!) {
  createAsset(input: $input) { asset { id code scale liquidity sendingFee { fixed basisPoints } } }
}";
    SET_FEE = "mutation SetFee($input: SetFeeInput!) { setFee(input: $input) { fee { id } } }";

    PEER_BY_ADDRESS_AND_ASSET = "query PeerByAddressAndAsset($staticIlpAddress: String!, $assetId: String!) {
  peerByAddressAndAsset(staticIlpAddress: $staticIlpAddress, assetId: $assetId) {
    id staticIlpAddress name liquidity http { outgoing { endpoint } }
  }
}";
    PEERS = "query Peers($after: String) {
  peers(first: 100, after: $after) {
    edges { node { id staticIlpAddress name liquidity http { outgoing { endpoint } } } }
    pageInfo { hasNextPage endCursor }
  }
}";
    CREATE_PEER = "mutation CreatePeer($input: CreatePeerInput!) {
  createPeer(input: $input) { peer { id staticIlpAddress name liquidity http { outgoing { endpoint } } } }
}";
    CREATE_OR_UPDATE_PEER_BY_URL = "mutation CreateOrUpdatePeerByUrl($input: CreateOrUpdatePeerByUrlInput!) {
  createOrUpdatePeerByUrl(input: $input) {
    peer { id staticIlpAddress name liquidity http { outgoing { endpoint } } }
  }
}";
    UPDATE_PEER = "mutation UpdatePeer($input: UpdatePeerInput!) {
  updatePeer(input: $input) { peer { id staticIlpAddress name liquidity http { outgoing { endpoint } } } }
}";

    PEER_OUTGOING_TOKEN = "query PeerOutgoingToken($id: String!) { peer(id: $id) { http { outgoing { authToken } } } }";

    TENANT_SECRET = "query TenantSecret($id: String!) { tenant(id: $id) { apiSecret } }";

    WALLET_ADDRESS_BY_URL = "query WalletAddressByUrl($url: String!) {
  walletAddressByUrl(url: $url) {
    id address publicName asset { id code scale sendingFee { fixed basisPoints } }
  }
}";
    CREATE_WALLET_ADDRESS = "mutation CreateWalletAddress($input: CreateWalletAddressInput!) {
  createWalletAddress(input: $input) {
    walletAddress { id address publicName asset { id code scale sendingFee { fixed basisPoints } } }
  }
}";
    CREATE_WALLET_ADDRESS_KEY = "mutation CreateWalletAddressKey($input: CreateWalletAddressKeyInput!) {
  createWalletAddressKey(input: $input) { walletAddressKey { id } }
}";

    RECEIVER = "query Receiver($id: String!) {
  receiver(id: $id) {
    id walletAddressUrl completed expiresAt
    incomingAmount { value assetCode assetScale }
    receivedAmount { value assetCode assetScale }
  }
}";
    CREATE_RECEIVER = "mutation CreateReceiver($input: CreateReceiverInput!) {
  createReceiver(input: $input) {
    receiver {
      id walletAddressUrl completed expiresAt
      incomingAmount { value assetCode assetScale }
      receivedAmount { value assetCode assetScale }
    }
  }
}";
    COMPLETE_RECEIVER = "mutation CompleteReceiver($input: CompleteReceiverInput!) {
  completeReceiver(input: $input) {
    receiver {
      id walletAddressUrl completed expiresAt
      incomingAmount { value assetCode assetScale }
      receivedAmount { value assetCode assetScale }
    }
  }
}";
    CREATE_QUOTE = "mutation CreateQuote($input: CreateQuoteInput!) {
  createQuote(input: $input) {
    quote {
      id receiver createdAt expiresAt
      debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale }
    }
  }
}";
    OUTGOING_PAYMENT = "query OutgoingPayment($id: String!) {
  outgoingPayment(id: $id) {
    id walletAddressId state error stateAttempts receiver liquidity metadata grantId createdAt
    debitAmount { value assetCode assetScale }
    receiveAmount { value assetCode assetScale }
    sentAmount { value assetCode assetScale }
  }
}";
    CREATE_OUTGOING_PAYMENT = "mutation CreateOutgoingPayment($input: CreateOutgoingPaymentInput!) {
  createOutgoingPayment(input: $input) {
    payment {
      id walletAddressId state error stateAttempts receiver liquidity metadata
      debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale }
      sentAmount { value assetCode assetScale }
    }
  }
}";
    PAY_INCOMING_PAYMENT = "mutation PayIncomingPayment($input: CreateOutgoingPaymentFromIncomingPaymentInput!) {
  createOutgoingPaymentFromIncomingPayment(input: $input) {
    payment {
      id walletAddressId state error stateAttempts receiver liquidity metadata
      debitAmount { value assetCode assetScale }
      receiveAmount { value assetCode assetScale }
      sentAmount { value assetCode assetScale }
    }
  }
}";
    CANCEL_OUTGOING_PAYMENT = "mutation CancelOutgoingPayment($input: CancelOutgoingPaymentInput!) {
  cancelOutgoingPayment(input: $input) { payment { id } }
}";
    CREATE_INCOMING_PAYMENT = "mutation CreateIncomingPayment($input: CreateIncomingPaymentInput!) {
  createIncomingPayment(input: $input) { payment { id url } }
}";
    CARD_INCOMING_PAYMENTS = "query CardIncomingPayments(
  $url: String!, $after: String, $before: String, $first: Int, $last: Int, $sortOrder: SortOrder
) {
  walletAddressByUrl(url: $url) {
    incomingPayments(
      after: $after, before: $before, first: $first, last: $last, sortOrder: $sortOrder,
      filter: { initiatedBy: { in: [\"CARD\"] } }
    ) {
      edges {
        node {
          id url walletAddressId senderWalletAddress state metadata expiresAt createdAt
          incomingAmount { value assetCode assetScale }
          receivedAmount { value assetCode assetScale }
        }
      }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    }
  }
}";
    INCOMING_PAYMENT = "query IncomingPayment($id: String!) {
  incomingPayment(id: $id) {
    id walletAddressId state liquidity
    incomingAmount { value assetCode assetScale }
    receivedAmount { value assetCode assetScale }
  }
}";

    DEPOSIT_OUTGOING_PAYMENT = "mutation DepositOutgoingPayment($input: DepositOutgoingPaymentLiquidityInput!) {
  depositOutgoingPaymentLiquidity(input: $input) { success }
}";
    WITHDRAW_OUTGOING_PAYMENT = "mutation WithdrawOutgoingPayment($input: CreateOutgoingPaymentWithdrawalInput!) {
  createOutgoingPaymentWithdrawal(input: $input) { success }
}";
    WITHDRAW_INCOMING_PAYMENT = "mutation WithdrawIncomingPayment($input: CreateIncomingPaymentWithdrawalInput!) {
  createIncomingPaymentWithdrawal(input: $input) { success }
}";
    WITHDRAW_EVENT = "mutation WithdrawEvent($input: WithdrawEventLiquidityInput!) {
  withdrawEventLiquidity(input: $input) { success }
}";
    DEPOSIT_ASSET = "mutation DepositAsset($input: DepositAssetLiquidityInput!) {
  depositAssetLiquidity(input: $input) { success }
}";
    DEPOSIT_PEER = "mutation DepositPeer($input: DepositPeerLiquidityInput!) {
  depositPeerLiquidity(input: $input) { success }
}";
    CONFIRM_PARTIAL = "mutation ConfirmPartial($input: ConfirmPartialIncomingPaymentInput!) {
  confirmPartialIncomingPayment(input: $input) { success }
}";
    ACCOUNTING_TRANSFERS = "query AccountingTransfers($id: String!, $limit: Int) {
  accountingTransfers(id: $id, limit: $limit) {
    debits { id debitAccountId creditAccountId amount transferType state }
    credits { id debitAccountId creditAccountId amount transferType state }
  }
}";
}
