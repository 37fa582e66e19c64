"""The three functions as `sam build` makes them, in Lambda containers, against the local WorkMail."""
