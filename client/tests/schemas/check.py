"""Holds a document against the published schema of its format: check.py FORMAT < DOCUMENT. Says what is wrong, and fails."""

import io
import json
import sys


def cyclonedx(text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        raise ValueError(error)
    # What a schema cannot say: every reference leads somewhere, and no name is given twice.
    bom = json.loads(text)
    components = [bom["metadata"]["component"], *bom["components"]]
    names = [component["bom-ref"] for component in components]
    if len(set(names)) != len(names):
        raise ValueError("a bom-ref occurs twice")
    references = [name for one in bom["dependencies"] for name in [one["ref"], *one["dependsOn"]]]
    missing = set(references) - set(names)
    if missing:
        raise ValueError(f"references to {missing} lead nowhere")


def spdx(text):
    from spdx_python_model.bindings import v3_0_1 as model

    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    if objects.missing_ids:
        raise ValueError(f"references to {objects.missing_ids} lead nowhere")
    # Writing checks what reading does not: what every object must have, and how often.
    model.JSONLDSerializer().write(objects, io.BytesIO())
    unknown = [one for one in objects.objects if type(one) is model.SHACLExtensibleObject]
    if unknown:
        raise ValueError(f"objects of unknown types: {unknown}")
    for needed in ("SpdxDocument", "ai_AIPackage"):
        if not any(objects.foreach_type(needed)):
            raise ValueError(f"there is no {needed}")


def in_toto(text):
    from google.protobuf.json_format import Parse, ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    message = Message()
    Parse(text, message)
    Statement.copy_from_pb(message).validate()
    document = json.loads(text)
    if document["predicateType"] != "https://slsa.dev/provenance/v1":
        raise ValueError("another predicate")
    # Unknown fields are refused; what SLSA requires is not in the messages.
    provenance = ParseDict(document["predicate"], Provenance())
    required = {
        "buildType": provenance.build_definition.build_type,
        "externalParameters": provenance.build_definition.external_parameters.fields,
        "builder.id": provenance.run_details.builder.id,
    }
    for name, value in required.items():
        if not value:
            raise ValueError(f"{name} is empty")


if __name__ == "__main__":
    checks = {"cyclonedx": cyclonedx, "spdx": spdx, "in-toto": in_toto}
    try:
        checks[sys.argv[1]](sys.stdin.read())
    except Exception as error:
        sys.exit(f"{sys.argv[1]}: {type(error).__name__}: {error}")
