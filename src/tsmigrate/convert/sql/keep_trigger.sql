IF trigger.mode = 'O' THEN
  triggers := triggers || trigger.definition;
ELSIF trigger.mode = 'A' THEN
  triggers := triggers || trigger.definition;
  trigger_modes := trigger_modes || trigger.set_mode;
ELSE
  triggers_kept_off := triggers_kept_off || concat_ws(E';\n', trigger.definition, trigger.set_mode);
END IF;
