-- Every payment belongs to one agreement: that of an application, that of a card, or the own use of its account.
INSERT INTO wallet_agreement_uses (payment_id, grant_id, account_id, counts, made_at, ended_at)
SELECT m.id, COALESCE('card ' || c.number, m.grant_id, 'own use'), m.account_id,
    CASE m.state WHEN 'cancelled' THEN 0 WHEN 'failed' THEN m.amount ELSE m.most END, m.made_at, m.ended_at
FROM wallet_movements m LEFT JOIN wallet_card_uses c ON c.payment_id = m.id AND c.refusal IS NULL
WHERE m.kind = 'sent' AND NOT EXISTS (SELECT 1 FROM wallet_agreement_uses u WHERE u.payment_id = m.id);
