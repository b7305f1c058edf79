# Nothing here is for callers: the contract asks for it (samplers/base.pyx).
