"""SDR to HDR: light measured, a conversion chosen by rule, person or model, made as HDR10, checked by decoding."""
