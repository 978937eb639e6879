"""LSTM encoder and decoder with attention."""

import keras


def network(vocabulary: int, layers: int, units: int, dropout: float, name: str) -> keras.Model:
    """Logits of each next target token, float32 [batch, time, vocabulary].

    Inputs are the source tokens and the target tokens so far, int32 [batch, time], 0 for
    padding. The decoder starts from the encoder's states, and its outputs attend to the
    encoder's by Luong's "general" score (arXiv 1508.04025), without input feeding. Scores are
    divided by the root of the units: else they grow until all look at the first word alone.

    Args:
        vocabulary: number of tokens, the same of both languages.
        layers: LSTM layers of the encoder, and as many of the decoder.
        units: of each LSTM, and the length of an embedding.
        dropout: rate between the layers.
        name: of the model.
    """
    kit = keras.layers
    sources = keras.Input((None,), dtype="int32", name="sources")
    targets = keras.Input((None,), dtype="int32", name="targets")
    read = _words(vocabulary, units, "source_words")(sources)
    written = _words(vocabulary, units, "target_words")(targets)
    for i in range(layers):
        encoder = kit.LSTM(units, return_sequences=True, return_state=True, name=f"encoder_{i}")
        read, *state = encoder(kit.Dropout(dropout)(read))
        decoder = kit.LSTM(units, return_sequences=True, name=f"decoder_{i}")
        written = decoder(kit.Dropout(dropout)(written), initial_state=state)
    score = kit.Dense(units, use_bias=False, name="attention_score")
    asked = kit.Rescaling(units**-0.5)(score(written))
    seen = kit.Attention(name="attention")([asked, read])
    both = kit.Concatenate()([written, seen])
    mixed = kit.Dense(units, "tanh", use_bias=False, name="attention_output")(both)
    logits = kit.Dense(vocabulary, name="logits")(kit.Dropout(dropout)(mixed))
    return keras.Model([sources, targets], logits, name=name)


def with_dropout(model: keras.Model, dropout: float) -> keras.Model:
    """The model itself, with another rate in all its Dropout layers; before it is trained."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = dropout
    return model


def _words(vocabulary: int, units: int, name: str) -> keras.layers.Embedding:
    """Embeddings as large as what LSTMs pass on: from small ones they learn far more slowly."""
    normal = keras.initializers.RandomNormal(stddev=1.0)
    return keras.layers.Embedding(
        vocabulary, units, embeddings_initializer=normal, mask_zero=True, name=name
    )
