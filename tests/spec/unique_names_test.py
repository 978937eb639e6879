from tfqd.spec.unique_names import unique_names


def test_repeated_names_are_numbered_from_the_second_on():
    names = ["a/kernel", "b", "a/kernel", "a/kernel"]
    assert unique_names(names, ":") == ["a/kernel", "b", "a/kernel:1", "a/kernel:2"]


def test_a_number_that_another_name_has_is_left_out():
    assert unique_names(["a", "a:1", "a"], ":") == ["a", "a:1", "a:2"]


def test_a_name_that_looks_like_a_numbered_one_is_numbered_too():
    assert unique_names(["a", "a", "a_1"], "_") == ["a", "a_1", "a_1_1"]
