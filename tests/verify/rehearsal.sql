CREATE SCHEMA "odd ""name%:s";
CREATE TYPE public.state AS ENUM ('new', 'it''s done');
CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
CREATE ROLE {owner} NOLOGIN;
CREATE ROLE "{owner} ""quoted""" NOLOGIN;
CREATE TABLE public.users (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, boss int REFERENCES public.users,
    tags text[], more jsonb, bytes bytea, day daterange, price money, wait interval, ratio float8,
    twice int GENERATED ALWAYS AS (boss * 2) STORED);
INSERT INTO public.users (name, boss, tags, more, bytes, day, price, wait, ratio)
SELECT E'tab\tline\nback\\slash ' || n, nullif(n - 1, 0), ARRAY['a,b', '"', NULL, '\N'], '{{"a": [1, null]}}', '\xff00', '[2026-01-01,)',
       12.5, '1 mon -3 days', 0.1 + 0.2
FROM generate_series(1, 3000) n;
CREATE TABLE "odd ""name%:s"."a table of 63 bytes: its name is as long as a name may ever be..." (
    "a key" uuid NOT NULL, part public.positive, "%s :x" public.state, PRIMARY KEY ("a key", part));
INSERT INTO "odd ""name%:s"."a table of 63 bytes: its name is as long as a name may ever be..."
SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n, 'it''s done' FROM generate_series(1, 3000) n;
CREATE TABLE public.events (
    id bigserial, at timestamptz NOT NULL, who int NOT NULL REFERENCES public.users, "a key" uuid, part int, note text,
    PRIMARY KEY (id, at),
    FOREIGN KEY ("a key", part)
        REFERENCES "odd ""name%:s"."a table of 63 bytes: its name is as long as a name may ever be...");
CREATE INDEX ON public.events (at);
INSERT INTO public.events (at, who, "a key", part, note)
SELECT '2026-01-01'::timestamptz + n * interval '1 hour', 1 + n % 5,
       CASE WHEN n % 3 > 0 THEN ('00000000-0000-0000-0000-' || lpad((1 + n % 3000)::text, 12, '0'))::uuid END, 1 + n % 3000, 'x'
FROM generate_series(1, 5000) n;
GRANT CREATE ON SCHEMA public TO {owner};
ALTER TABLE public.events OWNER TO {owner};
GRANT SELECT ON public.users TO "{owner} ""quoted""";
-- A circle, and a table that may not be without its other.
CREATE TABLE public.hen (id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE public.egg (id int PRIMARY KEY, hen int NOT NULL REFERENCES public.hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE public.hen ADD FOREIGN KEY (egg) REFERENCES public.egg DEFERRABLE INITIALLY DEFERRED;
INSERT INTO public.egg SELECT n, n FROM generate_series(1, 1000) n;
INSERT INTO public.hen SELECT n, CASE n % 2 WHEN 1 THEN n + 1 ELSE n - 1 END FROM generate_series(1, 1000) n;
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TABLE public.parts (at date NOT NULL, who int REFERENCES public.users) PARTITION BY RANGE (at);
CREATE TABLE public.parts_2026 PARTITION OF public.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO public.parts SELECT '2026-01-01'::date + n, 2000 + n FROM generate_series(0, 300) n;
CREATE TABLE public.no_columns ();
CREATE TABLE public.nothing (a int);
CREATE VIEW public.seen AS SELECT id FROM public.events;
CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no trigger fires while rows are copied'; END$$;
CREATE TRIGGER noted BEFORE INSERT ON public.hen FOR EACH ROW EXECUTE FUNCTION public.noted();
CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO public.alembic_version VALUES ('a1');
