"""The functions as `sam build` makes them, in Lambda containers, against the local WorkMail and calendar servers."""
