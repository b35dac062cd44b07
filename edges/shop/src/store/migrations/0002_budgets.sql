-- The order that opened the budget from which an order is paid, and the limit of a budget that an order opens.
ALTER TABLE shop_orders ADD COLUMN budget uuid;
ALTER TABLE shop_orders ADD COLUMN budget_limit bigint;

CREATE INDEX shop_orders_budget ON shop_orders (budget);
