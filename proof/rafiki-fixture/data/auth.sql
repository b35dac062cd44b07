CREATE TYPE finalization_reason_type AS ENUM ('ISSUED', 'REVOKED', 'REJECTED');
CREATE SEQUENCE "auth_knex_migrations_id_seq";
CREATE SEQUENCE "auth_knex_migrations_lock_index_seq";
CREATE TABLE "accessTokens" (
    "id" uuid NOT NULL,
    "value" character varying(255) NOT NULL,
    "managementId" uuid NOT NULL,
    "expiresIn" integer NOT NULL,
    "grantId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "revokedAt" timestamp with time zone,
    PRIMARY KEY (id),
    UNIQUE ("managementId"),
    UNIQUE (value)
);
CREATE TABLE "accesses" (
    "id" uuid NOT NULL,
    "type" character varying(255) NOT NULL,
    "actions" text[] NOT NULL,
    "identifier" character varying(255),
    "limits" jsonb,
    "grantId" uuid NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE TABLE "auth_knex_migrations" (
    "id" integer NOT NULL DEFAULT nextval('auth_knex_migrations_id_seq'::regclass),
    "name" character varying(255),
    "batch" integer,
    "migration_time" timestamp with time zone,
    PRIMARY KEY (id)
);
CREATE TABLE "auth_knex_migrations_lock" (
    "index" integer NOT NULL DEFAULT nextval('auth_knex_migrations_lock_index_seq'::regclass),
    "is_locked" integer,
    PRIMARY KEY (index)
);
CREATE TABLE "grants" (
    "id" uuid NOT NULL,
    "state" character varying(255),
    "finalizationReason" finalization_reason_type,
    "startMethod" text[],
    "continueToken" character varying(255) NOT NULL,
    "continueId" character varying(255) NOT NULL,
    "finishMethod" character varying(255),
    "finishUri" character varying(255),
    "clientNonce" character varying(255),
    "client" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "lastContinuedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "tenantId" uuid NOT NULL,
    "jwk" jsonb,
    PRIMARY KEY (id),
    UNIQUE ("continueId"),
    UNIQUE ("continueToken")
);
CREATE TABLE "interactions" (
    "id" uuid NOT NULL,
    "ref" character varying(255) NOT NULL,
    "nonce" character varying(255) NOT NULL,
    "state" character varying(255) NOT NULL,
    "grantId" uuid NOT NULL,
    "expiresIn" integer NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (ref)
);
CREATE TABLE "subjects" (
    "id" uuid NOT NULL,
    "grantId" uuid NOT NULL,
    "subId" character varying(255) NOT NULL,
    "subIdFormat" character varying(255) NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE TABLE "tenants" (
    "id" uuid NOT NULL,
    "idpConsentUrl" character varying(255),
    "idpSecret" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamp with time zone,
    "apiSecret" character varying(255) NOT NULL,
    PRIMARY KEY (id)
);
