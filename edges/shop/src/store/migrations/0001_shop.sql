CREATE TABLE shop_orders (
    id uuid PRIMARY KEY,
    visitor uuid NOT NULL,
    product text NOT NULL,
    customer text NOT NULL,
    value bigint NOT NULL,
    asset_code text NOT NULL,
    asset_scale bigint NOT NULL,
    standing text NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL
);

CREATE INDEX shop_orders_visitor ON shop_orders (visitor, created_at);
CREATE INDEX shop_orders_created ON shop_orders (created_at);

CREATE TABLE shop_transfers (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES shop_orders (id),
    purpose text NOT NULL,
    period bigint NOT NULL,
    value bigint NOT NULL,
    stage text NOT NULL,
    version bigint NOT NULL,
    attempts bigint NOT NULL,
    due_at bigint,
    created_at bigint NOT NULL,
    UNIQUE (order_id, purpose, period)
);

CREATE INDEX shop_transfers_due ON shop_transfers (due_at);
