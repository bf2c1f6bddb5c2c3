from tuntas.testkit.conformance.connector import Conformance


class TestOurConnectors(Conformance):
    pass
