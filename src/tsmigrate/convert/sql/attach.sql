DECLARE
  or_copied bool := {{or_copied}};
  attached bool := false;
  empty bool := false;
  why text;
BEGIN
  BEGIN
    {{attach_table}}
    attached := true;
  EXCEPTION WHEN SQLSTATE {{refused}} OR SQLSTATE {{mismatch}} THEN
    -- Nothing is changed then. What is empty has nothing to attach, and nothing to copy either.
    IF NOT (or_copied OR empty) THEN
      RAISE;
    END IF;
    why := regexp_replace(SQLERRM, E'^.*:\n', '');
  END;
  IF NOT attached THEN
    IF NOT empty THEN
      {{tell_why}}
    END IF;
    {{hypertable}}
  END IF;
END
