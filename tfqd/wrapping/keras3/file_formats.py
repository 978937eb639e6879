"""Which of Keras' file formats hold a model of tfqd's."""


class SavesWhole:
    """Mixin: a Keras 3 model that is saved only in a format that holds all of it.

    HDF5 files of whole models know classes by their bare names, and of weights those of the
    layers alone: Keras would write one that it cannot read.
    """

    name: str

    def save(self, filepath, *args, **kwargs) -> None:
        """As ``keras.Model.save``.

        Raises:
            ValueError: for a ``.h5`` or ``.hdf5`` file.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"model {self.name!r} ({type(self).__name__}) must be saved as .keras: Keras 3 "
                f"could not read it from an HDF5 file; got {str(filepath)!r}"
            )
        super().save(filepath, *args, **kwargs)  # type: ignore[misc]  # the model's
