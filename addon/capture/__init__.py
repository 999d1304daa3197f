"""Characters become subjects: photographed by another Blender, learned by the backend."""
