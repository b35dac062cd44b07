-- One database for each role, and one user for each database who can reach no other one.
-- Replace the passwords first, for example with `openssl rand -hex 24`. Then, as a superuser of the server:
--   psql -v ON_ERROR_STOP=1 -f rafiki-databases.sql

CREATE ROLE rafiki_backend LOGIN PASSWORD 'change me: backend';
CREATE ROLE rafiki_auth LOGIN PASSWORD 'change me: auth';
CREATE ROLE rafiki_wallet LOGIN PASSWORD 'change me: wallet';
CREATE ROLE rafiki_card_service LOGIN PASSWORD 'change me: card service';
CREATE ROLE rafiki_point_of_sale LOGIN PASSWORD 'change me: point of sale';

CREATE DATABASE rafiki_backend OWNER rafiki_backend;
CREATE DATABASE rafiki_auth OWNER rafiki_auth;
CREATE DATABASE rafiki_wallet OWNER rafiki_wallet;
CREATE DATABASE rafiki_card_service OWNER rafiki_card_service;
CREATE DATABASE rafiki_point_of_sale OWNER rafiki_point_of_sale;

-- A new database of Postgres can be opened by every user. Its owner keeps the right.
REVOKE CONNECT, TEMPORARY ON DATABASE rafiki_backend FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE rafiki_auth FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE rafiki_wallet FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE rafiki_card_service FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE rafiki_point_of_sale FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC;
