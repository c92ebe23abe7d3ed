"""Commands that ask Citadel: who may have a certificate, and who has one."""
