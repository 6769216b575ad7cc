"""The choice of an SDR-to-HDR conversion as training data: sheets of frames whose dynamic range is known."""
