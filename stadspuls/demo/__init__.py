"""`stadspuls demo`: the whole main job on real servers, step by step, for a person who has never seen it."""
