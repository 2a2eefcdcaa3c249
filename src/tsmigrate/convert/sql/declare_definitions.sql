-- What depends on the table
doomed_relations oid[];  -- views and materialized views that are dropped and made anew, those they depend on first
doomed_functions oid[];
doomed_names text[];     -- both, in the order in which they are made
relations oid[];         -- whose definitions are kept: the table, its identity sequences and doomed_relations
relation_names text[];
function_names text[];
unwanted_indexes oid[] := '{}';  -- whose definitions are not kept
unwanted_foreign_keys oid[] := '{}';
detaching text[];
repointing text[];
-- Definitions: statements with the place in which each is run
ranks int[];
definitions text[];
definitions_before text[];
said_otherwise text;
number int;
hold name;
held text;
full_name text;
identity record;
