CREATE SCHEMA "Od""d: %s";
CREATE TABLE "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé" (
  "ID" bigserial, "the: Time" timestamptz NOT NULL DEFAULT now(), "de%vice" int NOT NULL, token text NOT NULL,
  serial text NOT NULL, CONSTRAINT "the (key" PRIMARY KEY ("ID"), CONSTRAINT "ser'ial" UNIQUE (serial)
);
CREATE UNIQUE INDEX "USING btree (" ON "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé" (lower(token), "de%vice" DESC)
  WHERE token <> 'a)b"(';
COMMENT ON INDEX "Od""d: %s"."USING btree (" IS 'one token: ''the'' 50 % of them';
COMMENT ON CONSTRAINT "ser'ial" ON "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé" IS 'as "engraved"';
CREATE INDEX "by device" ON "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé" ("de%vice");
CREATE TABLE "Od""d: %s"."no'te" (
  id int PRIMARY KEY, "of" bigint CONSTRAINT "note: of" REFERENCES "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé"
    ON UPDATE CASCADE ON DELETE RESTRICT
);
COMMENT ON CONSTRAINT "note: of" ON "Od""d: %s"."no'te" IS 'what it is of';
