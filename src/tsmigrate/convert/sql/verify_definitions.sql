{{compare_definitions}}

-- RESTRICT: whatever still depends on the hypertable stops this.
EXECUTE format('DROP TABLE %s RESTRICT', held);
EXECUTE format('DROP SCHEMA %I RESTRICT', hold);
