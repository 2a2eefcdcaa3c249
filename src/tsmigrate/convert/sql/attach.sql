DECLARE
  or_copied bool := {{or_copied}};
  is_attached bool := false;
  without_rows bool := false;
  copied_because text;
BEGIN
  BEGIN
    {{attach_table}}
    is_attached := true;
  EXCEPTION WHEN SQLSTATE {{refused}} OR SQLSTATE {{mismatch}} THEN
    -- Nothing is changed then. A table without rows has nothing to attach, and nothing to copy either.
    IF NOT (or_copied OR without_rows) THEN
      RAISE;
    END IF;
    copied_because := regexp_replace(SQLERRM, E'^[^\n]*:\n', '');
  END;
  IF NOT is_attached THEN
    IF NOT without_rows THEN
      {{tell_why}}
    END IF;
    {{hypertable}}
  END IF;
END
