format('%I.%I', n.nspname, c.relname)
