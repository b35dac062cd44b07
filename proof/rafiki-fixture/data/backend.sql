CREATE SEQUENCE "assets_ledger_seq";
CREATE SEQUENCE "knex_migrations_id_seq";
CREATE SEQUENCE "knex_migrations_lock_index_seq";
CREATE TABLE "assets" (
    "id" uuid NOT NULL,
    "ledger" smallint NOT NULL DEFAULT nextval('assets_ledger_seq'::regclass),
    "code" character varying(255) NOT NULL,
    "scale" smallint NOT NULL,
    "withdrawalThreshold" bigint,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "liquidityThreshold" bigint,
    "deletedAt" timestamp with time zone,
    "tenantId" uuid NOT NULL,
    CHECK ((scale <= 255)),
    PRIMARY KEY (id),
    UNIQUE (code, scale, "tenantId"),
    UNIQUE (ledger)
);
CREATE TABLE "authServers" (
    "id" uuid NOT NULL,
    "url" character varying(255) NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (url)
);
CREATE TABLE "fees" (
    "id" uuid NOT NULL,
    "assetId" uuid NOT NULL,
    "type" text NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "fixedFee" bigint NOT NULL,
    "basisPointFee" integer NOT NULL,
    CHECK ((("basisPointFee" >= 0) AND ("basisPointFee" <= 10000))),
    CHECK (("fixedFee" >= 0)),
    CHECK ((type = ANY (ARRAY['SENDING'::text, 'RECEIVING'::text]))),
    PRIMARY KEY (id)
);
CREATE TABLE "grants" (
    "id" uuid NOT NULL,
    "authServerId" uuid NOT NULL,
    "continueId" character varying(255),
    "continueToken" character varying(255),
    "accessToken" character varying(255) NOT NULL,
    "managementId" character varying(255) NOT NULL,
    "accessType" character varying(255) NOT NULL,
    "accessActions" text[],
    "expiresAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamp with time zone,
    PRIMARY KEY (id),
    UNIQUE ("accessToken")
);
CREATE TABLE "httpTokens" (
    "id" uuid NOT NULL,
    "token" character varying(255) NOT NULL,
    "peerId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (token)
);
CREATE TABLE "ilpQuoteDetails" (
    "id" uuid NOT NULL,
    "quoteId" uuid NOT NULL,
    "maxPacketAmount" bigint NOT NULL,
    "minExchangeRateNumerator" numeric(64,0) NOT NULL,
    "minExchangeRateDenominator" numeric(64,0) NOT NULL,
    "lowEstimatedExchangeRateNumerator" numeric(64,0) NOT NULL,
    "lowEstimatedExchangeRateDenominator" numeric(64,0) NOT NULL,
    "highEstimatedExchangeRateNumerator" numeric(64,0) NOT NULL,
    "highEstimatedExchangeRateDenominator" numeric(64,0) NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE ("quoteId")
);
CREATE TABLE "incomingPayments" (
    "id" uuid NOT NULL,
    "walletAddressId" uuid NOT NULL,
    "expiresAt" timestamp with time zone NOT NULL,
    "incomingAmountValue" bigint,
    "state" character varying(255) NOT NULL,
    "client" character varying(255),
    "assetId" uuid NOT NULL,
    "processAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "metadata" jsonb,
    "approvedAt" timestamp with time zone,
    "cancelledAt" timestamp with time zone,
    "tenantId" uuid NOT NULL,
    "initiatedBy" text NOT NULL,
    "senderWalletAddress" character varying(255),
    "cancellationReason" character varying(255),
    "deletedAt" timestamp with time zone,
    CHECK (("initiatedBy" = ANY (ARRAY['CARD'::text, 'OPEN_PAYMENTS'::text, 'ADMIN'::text]))),
    PRIMARY KEY (id)
);
CREATE TABLE "knex_migrations" (
    "id" integer NOT NULL DEFAULT nextval('knex_migrations_id_seq'::regclass),
    "name" character varying(255),
    "batch" integer,
    "migration_time" timestamp with time zone,
    PRIMARY KEY (id)
);
CREATE TABLE "knex_migrations_lock" (
    "index" integer NOT NULL DEFAULT nextval('knex_migrations_lock_index_seq'::regclass),
    "is_locked" integer,
    PRIMARY KEY (index)
);
CREATE TABLE "ledgerAccounts" (
    "id" uuid NOT NULL,
    "accountRef" uuid NOT NULL,
    "ledger" smallint NOT NULL,
    "type" text NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    CHECK ((type = ANY (ARRAY['LIQUIDITY_ASSET'::text, 'LIQUIDITY_PEER'::text, 'LIQUIDITY_INCOMING'::text, 'LIQUIDITY_OUTGOING'::text, 'LIQUIDITY_WEB_MONETIZATION'::text, 'SETTLEMENT'::text]))),
    PRIMARY KEY (id),
    UNIQUE ("accountRef", type)
);
CREATE TABLE "ledgerTransfers" (
    "id" uuid NOT NULL,
    "transferRef" uuid NOT NULL,
    "debitAccountId" uuid NOT NULL,
    "creditAccountId" uuid NOT NULL,
    "amount" bigint NOT NULL,
    "ledger" smallint NOT NULL,
    "expiresAt" timestamp with time zone,
    "state" text NOT NULL,
    "type" text,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    CHECK (((state <> 'PENDING'::text) OR ("expiresAt" IS NOT NULL))),
    CHECK ((amount > 0)),
    CHECK ((state = ANY (ARRAY['PENDING'::text, 'POSTED'::text, 'VOIDED'::text]))),
    CHECK ((type = ANY (ARRAY['WITHDRAWAL'::text, 'DEPOSIT'::text]))),
    PRIMARY KEY (id),
    UNIQUE ("transferRef")
);
CREATE TABLE "outgoingPaymentCardDetails" (
    "id" uuid NOT NULL,
    "outgoingPaymentId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "requestId" character varying(255) NOT NULL,
    "data" jsonb NOT NULL,
    "initiatedAt" timestamp with time zone NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE "outgoingPaymentGrantSpentAmounts" (
    "id" uuid NOT NULL,
    "grantId" character varying(255) NOT NULL,
    "outgoingPaymentId" uuid NOT NULL,
    "receiveAmountScale" integer NOT NULL,
    "receiveAmountCode" character varying(255) NOT NULL,
    "paymentReceiveAmountValue" bigint NOT NULL,
    "intervalReceiveAmountValue" bigint,
    "grantTotalReceiveAmountValue" bigint NOT NULL,
    "debitAmountScale" integer NOT NULL,
    "debitAmountCode" character varying(255) NOT NULL,
    "paymentDebitAmountValue" bigint NOT NULL,
    "intervalDebitAmountValue" bigint,
    "grantTotalDebitAmountValue" bigint NOT NULL,
    "paymentState" character varying(255) NOT NULL,
    "intervalStart" timestamp with time zone,
    "intervalEnd" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE TABLE "outgoingPaymentGrants" (
    "id" character varying(255) NOT NULL,
    "interval" character varying(255),
    PRIMARY KEY (id)
);
CREATE TABLE "outgoingPayments" (
    "id" uuid NOT NULL,
    "state" character varying(255) NOT NULL,
    "error" character varying(255),
    "stateAttempts" integer NOT NULL DEFAULT 0,
    "client" character varying(255),
    "grantId" character varying(255),
    "walletAddressId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "metadata" jsonb,
    "tenantId" uuid NOT NULL,
    "initiatedBy" text NOT NULL,
    "dataToTransmit" character varying(255),
    CHECK (("initiatedBy" = ANY (ARRAY['CARD'::text, 'OPEN_PAYMENTS'::text, 'ADMIN'::text]))),
    PRIMARY KEY (id)
);
CREATE TABLE "peers" (
    "id" uuid NOT NULL,
    "assetId" uuid NOT NULL,
    "maxPacketAmount" bigint,
    "staticIlpAddress" character varying(255) NOT NULL,
    "outgoingToken" character varying(255),
    "outgoingEndpoint" character varying(255),
    "name" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "liquidityThreshold" bigint,
    "tenantId" uuid NOT NULL,
    "routes" text[] DEFAULT '{}'::text[],
    PRIMARY KEY (id),
    UNIQUE ("assetId", "staticIlpAddress")
);
CREATE TABLE "quotes" (
    "id" uuid NOT NULL,
    "receiver" character varying(255) NOT NULL,
    "debitAmountValue" bigint NOT NULL,
    "receiveAmountValue" bigint NOT NULL,
    "receiveAmountAssetCode" character varying(255) NOT NULL,
    "receiveAmountAssetScale" integer NOT NULL,
    "expiresAt" timestamp with time zone NOT NULL,
    "walletAddressId" uuid NOT NULL,
    "assetId" uuid NOT NULL,
    "client" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "feeId" uuid,
    "estimatedExchangeRate" numeric(20,10) NOT NULL,
    "debitAmountMinusFees" bigint,
    "tenantId" uuid NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE "tenantSettings" (
    "id" uuid NOT NULL,
    "key" character varying(255) NOT NULL,
    "value" character varying(255) NOT NULL,
    "tenantId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamp with time zone,
    PRIMARY KEY (id),
    UNIQUE ("tenantId", key)
);
CREATE TABLE "tenants" (
    "id" uuid NOT NULL,
    "email" character varying(255),
    "apiSecret" character varying(255) NOT NULL,
    "idpConsentUrl" character varying(255),
    "idpSecret" character varying(255),
    "publicName" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamp with time zone,
    PRIMARY KEY (id)
);
CREATE TABLE "walletAddressAdditionalProperties" (
    "id" uuid NOT NULL,
    "fieldKey" character varying(255) NOT NULL,
    "fieldValue" character varying(255) NOT NULL,
    "visibleInOpenPayments" boolean NOT NULL DEFAULT false,
    "walletAddressId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE TABLE "walletAddressKeys" (
    "id" uuid NOT NULL,
    "walletAddressId" uuid NOT NULL,
    "kid" character varying(255) NOT NULL,
    "x" character varying(255) NOT NULL,
    "revoked" boolean NOT NULL DEFAULT false,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX wallet_address_keys_revoked_false_idx ON public."walletAddressKeys" USING btree ("walletAddressId", kid) WHERE (revoked = false);
CREATE TABLE "walletAddresses" (
    "id" uuid NOT NULL,
    "address" character varying(255) NOT NULL,
    "assetId" uuid NOT NULL,
    "publicName" character varying(255),
    "totalEventsAmount" bigint NOT NULL DEFAULT '0'::bigint,
    "processAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "deactivatedAt" timestamp with time zone,
    "tenantId" uuid NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (address)
);
CREATE TABLE "webhookEvents" (
    "id" uuid NOT NULL,
    "type" character varying(255) NOT NULL,
    "data" json NOT NULL,
    "withdrawalAccountId" uuid,
    "withdrawalAssetId" uuid,
    "withdrawalAmount" bigint,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "outgoingPaymentId" uuid,
    "incomingPaymentId" uuid,
    "walletAddressId" uuid,
    "peerId" uuid,
    "assetId" uuid,
    "tenantId" uuid NOT NULL,
    CHECK (
CASE
    WHEN ((type)::text <> 'wallet_address.not_found'::text) THEN ((((((("outgoingPaymentId" IS NOT NULL))::integer + (("incomingPaymentId" IS NOT NULL))::integer) + (("walletAddressId" IS NOT NULL))::integer) + (("peerId" IS NOT NULL))::integer) + (("assetId" IS NOT NULL))::integer) = 1)
    ELSE ((((((("outgoingPaymentId" IS NOT NULL))::integer + (("incomingPaymentId" IS NOT NULL))::integer) + (("walletAddressId" IS NOT NULL))::integer) + (("peerId" IS NOT NULL))::integer) + (("assetId" IS NOT NULL))::integer) = 0)
END),
    PRIMARY KEY (id)
);
CREATE TABLE "webhooks" (
    "id" uuid NOT NULL,
    "eventId" uuid NOT NULL,
    "recipientTenantId" uuid NOT NULL,
    "attempts" integer NOT NULL DEFAULT 0,
    "statusCode" integer,
    "processAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "metadata" jsonb,
    PRIMARY KEY (id)
);
