"""What is learnt: encoder, subsets, heads, arbiter, confidence, the assembled classifier."""
