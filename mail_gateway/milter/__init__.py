"""The milter: decisions in the SMTP dialogue of Postfix, Sendmail and Stalwart."""
